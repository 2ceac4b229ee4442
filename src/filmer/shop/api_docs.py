"""API docs of the shop's endpoints. The examples of responses are those of shop-api.md.

The examples of bodies use the demo's users and cards (contract §8), so that they work from ``/docs``.
"""

from typing import Any

from filmer import errors
from filmer.openapi.endpoints import (
    INVALID_PAGE,
    NOW,
    EndpointDoc,
    EndpointDocs,
    Parameter,
    ResponseDoc,
    failure,
    imdb_id,
    invalid,
    not_found,
    number_id,
    page,
)
from filmer.shop import schemas
from filmer.shop.api import KEY_HEADER, MAX_KEY, ShopApi

_CART, _CHECKOUT = "Cart", "Checkout"
_TITLE = {"movieId": "tt0000001", "title": "The Shawshank Redemption"}
_SOLD = {**_TITLE, "quantity": 1, "price": 4.99}
_EMPTY_CART = {"items": [], "itemCount": 0, "totalPrice": 0.00}
_SUBMISSION = {
    "creditCardId": "4111 1111 1111 1111", "firstName": "John", "lastName": "Doe", "expiration": "2030-12",
}  # fmt: skip


def _cart(quantity: int, total: float) -> dict[str, Any]:
    line = {**_TITLE, "quantity": quantity, "price": 4.99, "subtotal": total}
    return {"items": [line], "itemCount": quantity, "totalPrice": total}


def _changed(description: str, message: str, cart: dict[str, Any]) -> ResponseDoc:
    return ResponseDoc(description, schemas.CartChange, {"message": message, "cart": cart})


_MOVIE_ID = imdb_id("movieId", "Of a line's movie", example="tt0111161")
_NOT_IN_CART = failure("Item not in cart", errors.NotFound("Item not in cart with id: tt9999999"))
_ORDER_ID = number_id("orderId", "An id of `/orders`")
_NO_ORDER = (
    invalid("No id of an order", "orderId", "must be at least 1"),
    failure("Order belongs to another customer", errors.Forbidden("Order belongs to another customer")),
    not_found("Order", "12345"),
)
_NO_COPY = errors.Unavailable("tt0111161", "No copy left")
_IDEMPOTENCY_KEY = Parameter(
    KEY_HEADER,
    # Printable ASCII; blanks around a header's value are not part of it.
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "Of your own making, another one for each order: a submit that is repeated with its key within 24 hours gets the "
    "same order again, not a second one. Without a key only a submit that came before the order was placed gets it; a "
    "later one finds an empty cart.",
)

DOCS: EndpointDocs = {
    ShopApi.show_cart: EndpointDoc(
        summary="Get the current shopping cart contents",
        description="`itemCount` counts units. A checkout sells at the prices shown last.",
        tag=_CART,
        responses=(
            ResponseDoc(
                "Cart retrieved successfully",
                schemas.Cart,
                {
                    "items": [{**_TITLE, "year": 1994, "quantity": 1, "price": 4.99, "subtotal": 4.99}],
                    "itemCount": 1,
                    "totalPrice": 4.99,
                },
            ),
        ),
    ),
    ShopApi.clear_cart: EndpointDoc(
        summary="Remove all items from the shopping cart",
        tag=_CART,
        responses=(_changed("Cart cleared successfully", "Cart cleared", _EMPTY_CART),),
    ),
    ShopApi.add_item: EndpointDoc(
        operation_id="addCartItem",
        summary="Add a movie to the shopping cart",
        description="A title that is in the cart already gets the quantities added; a line holds at most 10.",
        tag=_CART,
        body=schemas.NewCartItem,
        body_example={"movieId": "tt0111161", "quantity": 1},
        responses=(
            _changed("Item added successfully", "Item added to cart", _cart(1, 4.99)),
            not_found("Movie", "tt9999999"),
            failure("Too few copies", _NO_COPY),
        ),
    ),
    ShopApi.change_item: EndpointDoc(
        operation_id="changeCartItem",
        summary="Update the quantity of an item in the cart",
        tag=_CART,
        path_parameters=(_MOVIE_ID,),
        body=schemas.ChangedQuantity,
        body_example={"quantity": 2},
        responses=(
            _changed("Quantity updated successfully", "Cart updated", _cart(2, 9.98)),
            _NOT_IN_CART,
            failure("Too few copies", _NO_COPY),
        ),
    ),
    ShopApi.remove_item: EndpointDoc(
        operation_id="removeCartItem",
        summary="Remove a movie from the shopping cart",
        tag=_CART,
        path_parameters=(_MOVIE_ID,),
        responses=(_changed("Item removed successfully", "Item removed from cart", _EMPTY_CART), _NOT_IN_CART),
    ),
    ShopApi.check_out: EndpointDoc(
        summary="Process the checkout with payment information",
        description="The cart becomes an order. To check a card means to find the same one on file: "
        "this is no payment network. Too many refused cards are slowed down.",
        tag=_CHECKOUT,
        headers=(_IDEMPOTENCY_KEY,),
        body=schemas.Submission,
        body_example=_SUBMISSION,
        rate_limited=True,
        responses=(
            ResponseDoc(
                "Checkout successful",
                schemas.Receipt,
                {
                    "orderId": 12345,
                    "message": "Order placed successfully",
                    "items": [_SOLD],
                    "totalPrice": 4.99,
                    "orderDate": "2026-02-08",
                },
            ),
            failure("Validation error or empty cart", errors.EmptyCart()),
            failure("Payment validation failed", errors.PaymentFailed()),
            failure(
                "The Idempotency-Key was used with another body, or a line of the cart can't be had any more",
                errors.Conflict("This Idempotency-Key was used for another checkout; take a new one"),
                _NO_COPY,
            ),
        ),
    ),
    ShopApi.list_orders: EndpointDoc(
        summary="Get the order history of the authenticated customer",
        description="Newest first; `itemCount` counts units.",
        tag=_CHECKOUT,
        query=schemas.OrderList,
        responses=(
            ResponseDoc(
                "Orders retrieved successfully",
                schemas.OrderPage,
                page([{"orderId": 12345, "orderDate": "2026-02-08", "itemCount": 2, "totalPrice": 9.98}], 5, 1),
            ),
            INVALID_PAGE,
        ),
    ),
    ShopApi.show_order: EndpointDoc(
        summary="Get details of a completed order",
        tag=_CHECKOUT,
        path_parameters=(_ORDER_ID,),
        responses=(
            ResponseDoc(
                "Order details retrieved",
                schemas.OrderDetails,
                {
                    "orderId": 12345,
                    "customerId": 1,
                    "items": [{"saleId": 1001, **_SOLD}],
                    "totalPrice": 4.99,
                    "orderDate": "2026-02-08",
                },
            ),
            *_NO_ORDER,
        ),
    ),
    ShopApi.cancel_order: EndpointDoc(
        summary="Cancel an order",
        description="The whole order, within a day of payment and before any rental of it has begun. Its rentals end "
        "at once; the refund is initiated, and `/orders/{orderId}/refund` tells when the provider has answered.",
        tag=_CHECKOUT,
        body=schemas.CancelledOrder,
        body_example={"orderId": "12345", "reason": "Ordered twice"},
        responses=(
            ResponseDoc(
                "Order cancelled",
                schemas.Cancellation,
                {
                    "orderId": 12345,
                    "previousStatus": "PAID",
                    "newStatus": "CANCELLED",
                    "refundAmount": 4.99,
                    "refundStatus": "INITIATED",
                    "reason": "Ordered twice",
                    "cancelledAt": NOW,
                },
            ),
            failure(
                "Invalid body, or too late",
                errors.InvalidOperation("This order was cancelled already"),
                errors.InvalidRequest([errors.FieldError("orderId", "must be an integer")]),
            ),
            failure("Order belongs to another customer", errors.Forbidden("Order belongs to another customer")),
            not_found("Order", "12345"),
        ),
    ),
    ShopApi.track_order: EndpointDoc(
        summary="Get how an order stands",
        description="`UNPAID`, `PAID`, `STARTED` (a rental of it has begun), `COMPLETED` (all are over) or "
        "`CANCELLED`. Nothing is sent: there is neither tracking number nor carrier.",
        tag=_CHECKOUT,
        path_parameters=(_ORDER_ID,),
        responses=(
            ResponseDoc(
                "Status retrieved",
                schemas.Tracking,
                {
                    "orderId": 12345,
                    "currentStatus": "PAID",
                    "statusHistory": [{"status": "PAID", "timestamp": NOW}],
                    "trackingNumber": None,
                    "carrier": None,
                },
            ),
            *_NO_ORDER,
        ),
    ),
    ShopApi.show_refund: EndpointDoc(
        operation_id="showOrderRefund",
        summary="Get the refund of an order",
        tag=_CHECKOUT,
        path_parameters=(_ORDER_ID,),
        responses=(
            ResponseDoc(
                "Refund retrieved",
                schemas.Refund,
                {
                    "orderId": 12345,
                    "refundAmount": 4.99,
                    "refundStatus": "COMPLETED",
                    "originalPaymentMethod": "CREDIT_CARD",
                    "refundInitiatedAt": NOW,
                    "refundCompletedAt": NOW,
                },
            ),
            *_NO_ORDER,
        ),
    ),
}
