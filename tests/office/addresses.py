"""Who may open which address of the office (contract §13.1). A new one is put into one of these sets, or tests fail."""

# Owners and clerks.
CLERKS_TOO = {
    ("GET", "/admin"),
    ("GET", "/admin/counter"),
    ("POST", "/admin/counter/{rental_id}/hand-out"),
    ("POST", "/admin/counter/{rental_id}/take-back"),
    ("POST", "/admin/counter/{rental_id}/write-off"),
    ("GET", "/admin/orders"),
    ("GET", "/admin/orders/{order_id}"),
    ("POST", "/admin/orders/{order_id}/refund"),
    ("POST", "/admin/orders/{order_id}/paid"),
    ("POST", "/admin/orders/{order_id}/given-back"),
    ("POST", "/admin/orders/{order_id}/resend"),
    ("GET", "/admin/accounts"),
    ("POST", "/admin/accounts/{account_id}/favorites/clear"),
}
OWNERS_ALONE = {
    ("GET", "/admin/films"),
    ("POST", "/admin/films/{film_id}/price"),
    ("POST", "/admin/films/{film_id}/terms"),
    ("GET", "/admin/takings"),
    ("GET", "/admin/takings.csv"),
    ("GET", "/admin/mail"),
    ("POST", "/admin/mail/{mail_id}/retry"),
}
OFFICE = CLERKS_TOO | OWNERS_ALONE
