"""Rentals in words, as the pages of orders and the counter tell them."""

from datetime import UTC, datetime

from filmer.rentals.schemas import Rental


def moment_text(moment: datetime | None) -> str:
    """As in: Tue 1 December 2026, 17:40 UTC."""
    utc = moment.astimezone(UTC) if moment else None
    return f"{utc:%a} {utc.day} {utc:%B %Y}, {utc:%H:%M} UTC" if utc else ""


def in_words(rental: Rental) -> str:
    """How a rental stands, for its customer and for the shop."""
    begin, run = ("picked up", "Out: due back by") if rental.way == "pick up" else ("started", "Running until")
    words = {
        "unpaid": "Reserved until it is paid",
        "waiting": f"To be {begin} by {moment_text(rental.start_by)}",
        "running": f"{run} {moment_text(rental.ends_at)}",
    }
    return words.get(rental.state) or _ended_in_words(rental)


def _ended_in_words(rental: Rental) -> str:
    is_cancelled = rental.state == "cancelled"
    if rental.is_out:
        why = "the order was cancelled" if is_cancelled else f"it was due {moment_text(rental.ends_at)}"
        return f"Still to be brought back: {why}"
    if rental.lost:
        return f"Written off as lost on {moment_text(rental.lost)}"
    if rental.returned:
        return f"Brought back on {moment_text(rental.returned)}"
    if is_cancelled:
        return "Cancelled"
    if not rental.began and rental.start_by != rental.paid:  # which are the same where the order is older than rentals
        return f"Lapsed on {moment_text(rental.ended)}, as it had not begun"
    return f"Over since {moment_text(rental.ended)}"
