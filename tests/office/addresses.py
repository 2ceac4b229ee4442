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
    ("GET", "/admin/accounts"),
    ("POST", "/admin/accounts/{account_id}/favorites/clear"),
}
OWNERS_ALONE = {
    ("GET", "/admin/films"),
    ("POST", "/admin/films/{film_id}/price"),
    ("POST", "/admin/films/{film_id}/terms"),
    ("GET", "/admin/mail"),
    ("POST", "/admin/mail/{mail_id}/retry"),
    ("GET", "/admin/settings"),
    ("POST", "/admin/settings"),
    ("POST", "/admin/settings/mark"),
    ("POST", "/admin/settings/mark/remove"),
    ("GET", "/admin/pages"),
    ("GET", "/admin/pages/{slug}"),
    ("POST", "/admin/pages/{slug}"),
    ("POST", "/admin/pages/{slug}/undo"),
    ("POST", "/admin/pages/{slug}/up"),
    ("POST", "/admin/pages/{slug}/remove"),
}
OFFICE = CLERKS_TOO | OWNERS_ALONE
