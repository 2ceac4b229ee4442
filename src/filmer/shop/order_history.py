"""What happened to an order, in words: from its row, its rentals and its cancelling."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from filmer.rentals.schemas import Rental
from filmer.shop.cancel_queries import OrderState
from filmer.shop.payment import AT_COUNTER


class Event(msgspec.Struct, frozen=True):
    at: datetime
    words: str


def history_of(state: OrderState, rentals: Sequence[Rental], titles: Mapping[str, str]) -> list[Event]:
    """The oldest first; what happened at the same moment as one would tell it. ``titles``: by film."""
    found: list[tuple[datetime | None, str]] = [(state.placed, "Placed")]
    found.append((min((rental.paid for rental in rentals if rental.paid), default=None), "Paid"))
    if state.payment != AT_COUNTER.reference:
        found.append((state.captured, "Collected by the payment provider"))
    for rental in rentals:
        found += [(at, f"{titles.get(rental.film_id, rental.film_id)}: {words}") for at, words in _of_rental(rental)]
    who = "the customer" if state.by_customer else "the shop"
    found.append((state.cancelled, f"Cancelled by {who}"))
    words = "Money given back" if state.refund == "completed" else "Refund refused by the payment provider"
    found.append((state.answered, words))
    return sorted((Event(at, words) for at, words in found if at), key=lambda event: event.at)


def _of_rental(rental: Rental) -> list[tuple[datetime | None, str]]:
    is_copy = rental.way == "pick up"
    has_lapsed = rental.state == "over" and not rental.began and rental.start_by != rental.paid
    return [
        (rental.began, "handed out" if is_copy else "started"),
        (rental.returned, "brought back"),
        (rental.lost, "written off as lost"),
        (rental.ended if rental.state == "over" and rental.began and not is_copy else None, "over"),
        (rental.ended if has_lapsed else None, "lapsed, as it had not begun"),
    ]
