"""What the OpenAPI document says of the shop's endpoints; the examples are shop-api.md's.

Those of bodies are of the demo's people and cards (contract §8), so that they work from ``/docs``.
"""

from typing import Any

from filmer import errors
from filmer.openapi.document import EndpointDoc, HeaderParameter, PathParameter, ResponseDoc
from filmer.openapi.examples import BAD_PAGE, invalid, missing, ok, page, refusal
from filmer.shop import schemas
from filmer.shop.api import KEY_HEADER, MAX_KEY

_CART, _CHECKOUT = "Cart", "Checkout"
_TITLE = {"movieId": "tt0000001", "title": "The Shawshank Redemption"}
_BOUGHT = {**_TITLE, "quantity": 1, "price": 4.99}
_EMPTY = {"items": [], "itemCount": 0, "totalPrice": 0.00}
_PAID_WITH = {
    "creditCardId": "4111 1111 1111 1111", "firstName": "John", "lastName": "Doe", "expiration": "2030-12",
}  # fmt: skip


def _line(quantity: int, subtotal: float) -> dict[str, Any]:
    return {**_TITLE, "quantity": quantity, "price": 4.99, "subtotal": subtotal}


def _changed(description: str, message: str, cart: dict[str, Any]) -> ResponseDoc:
    return ResponseDoc(description=description, data=schemas.CartChange, example=ok({"message": message, "cart": cart}))


_MOVIE_ID = PathParameter("movieId", {"type": "string", "maxLength": 10, "example": "tt0111161"}, "Of a line's movie")
_ORDER_ID = PathParameter("orderId", {"type": "integer", "minimum": 1}, "An id of `/orders`")
_NOT_IN_CART = refusal("Item not in cart", errors.NotFound("Item not in cart with id: tt9999999"))
_IDEMPOTENCY_KEY = HeaderParameter(
    KEY_HEADER,
    # Printable ASCII; blanks around a header's value are not part of it.
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "Of your own making, another one for each order: a submit that is repeated with its key within 24 hours gets the "
    "same order again, not a second one. Without a key only a submit that came before the order was placed gets it; a "
    "later one finds an empty cart.",
)

OPERATIONS = [
    EndpointDoc(
        method="GET",
        path="/api/v1/cart",
        name="showCart",
        summary="Get the current shopping cart contents",
        description="`itemCount` counts units. A checkout sells at the prices shown last.",
        tag=_CART,
        protected=True,
        answers={
            200: ResponseDoc(
                description="Cart retrieved successfully",
                data=schemas.Cart,
                example=ok(
                    {
                        "items": [{**_TITLE, "year": 1994, "quantity": 1, "price": 4.99, "subtotal": 4.99}],
                        "itemCount": 1,
                        "totalPrice": 4.99,
                    }
                ),
            )
        },
    ),
    EndpointDoc(
        method="DELETE",
        path="/api/v1/cart",
        name="clearCart",
        summary="Remove all items from the shopping cart",
        tag=_CART,
        protected=True,
        answers={200: _changed("Cart cleared successfully", "Cart cleared", _EMPTY)},
    ),
    EndpointDoc(
        method="POST",
        path="/api/v1/cart/items",
        name="addCartItem",
        summary="Add a movie to the shopping cart",
        description="A title that is in the cart already gets the quantities added; a line holds at most 10.",
        tag=_CART,
        body=schemas.NewCartItem,
        body_example={"movieId": "tt0111161", "quantity": 1},
        protected=True,
        answers={
            200: _changed(
                "Item added successfully",
                "Item added to cart",
                {"items": [_line(1, 4.99)], "itemCount": 1, "totalPrice": 4.99},
            ),
            404: missing("Movie", "tt9999999"),
        },
    ),
    EndpointDoc(
        method="PUT",
        path="/api/v1/cart/items/{movieId}",
        name="changeCartItem",
        summary="Update the quantity of an item in the cart",
        tag=_CART,
        path_parameters=(_MOVIE_ID,),
        body=schemas.ChangedQuantity,
        body_example={"quantity": 2},
        protected=True,
        answers={
            200: _changed(
                "Quantity updated successfully",
                "Cart updated",
                {"items": [_line(2, 9.98)], "itemCount": 2, "totalPrice": 9.98},
            ),
            404: _NOT_IN_CART,
        },
    ),
    EndpointDoc(
        method="DELETE",
        path="/api/v1/cart/items/{movieId}",
        name="removeCartItem",
        summary="Remove a movie from the shopping cart",
        tag=_CART,
        path_parameters=(_MOVIE_ID,),
        protected=True,
        answers={
            200: _changed("Item removed successfully", "Item removed from cart", _EMPTY),
            404: _NOT_IN_CART,
        },
    ),
    EndpointDoc(
        method="POST",
        path="/api/v1/checkout",
        name="checkOut",
        summary="Process the checkout with payment information",
        description="The cart becomes an order. To check a card means to find the same one on file: "
        "this is no payment network. Too many refused cards are slowed down.",
        tag=_CHECKOUT,
        headers=(_IDEMPOTENCY_KEY,),
        body=schemas.Submission,
        body_example=_PAID_WITH,
        protected=True,
        slowed=True,
        answers={
            200: ResponseDoc(
                description="Checkout successful",
                data=schemas.Receipt,
                example=ok(
                    {
                        "orderId": 12345,
                        "message": "Order placed successfully",
                        "items": [_BOUGHT],
                        "totalPrice": 4.99,
                        "orderDate": "2026-02-08",
                    }
                ),
            ),
            400: refusal("Validation error or empty cart", errors.EmptyCart()),
            402: refusal("Payment validation failed", errors.PaymentFailed()),
            409: refusal(
                "The Idempotency-Key was used with another body",
                errors.Conflict("This Idempotency-Key was used for another checkout; take a new one"),
            ),
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/orders",
        name="listOrders",
        summary="Get the order history of the authenticated customer",
        description="Newest first; `itemCount` counts units.",
        tag=_CHECKOUT,
        query=schemas.OrderList,
        protected=True,
        answers={
            200: ResponseDoc(
                description="Orders retrieved successfully",
                data=schemas.OrderPage,
                example=ok(
                    page([{"orderId": 12345, "orderDate": "2026-02-08", "itemCount": 2, "totalPrice": 9.98}], 5, 1)
                ),
            ),
            400: BAD_PAGE,
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/orders/{orderId}",
        name="showOrder",
        summary="Get details of a completed order",
        tag=_CHECKOUT,
        path_parameters=(_ORDER_ID,),
        protected=True,
        answers={
            200: ResponseDoc(
                description="Order details retrieved",
                data=schemas.OrderDetails,
                example=ok(
                    {
                        "orderId": 12345,
                        "customerId": 1,
                        "items": [{"saleId": 1001, **_BOUGHT}],
                        "totalPrice": 4.99,
                        "orderDate": "2026-02-08",
                    }
                ),
            ),
            400: invalid("No id of an order", "orderId", "must be at least 1"),
            403: refusal("Order belongs to another customer", errors.Forbidden("Order belongs to another customer")),
            404: missing("Order", "12345"),
        },
    ),
]
