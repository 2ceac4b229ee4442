"""What the OpenAPI document says of the accounts' endpoints; the examples are shop-api.md's.

Those of bodies are of the demo's people (contract §8), so that they work from ``/docs``.
"""

from filmer import errors
from filmer.accounts.schemas import Credentials, CurrentSession, Customer, Message, Registration
from filmer.openapi.document import EndpointDoc, ResponseDoc
from filmer.openapi.examples import ok, refusal

_TAG = "Authentication"
_CUSTOMER = {"customerId": 1, "email": "user@example.com", "firstName": "John", "lastName": "Doe"}
_NEWCOMER = {
    "firstName": "Mary", "lastName": "Major", "email": "mary@example.com", "password": "correct horse",
}  # fmt: skip
_FORBIDDEN = refusal("The request carries a session and comes from another site's page", errors.Forbidden())

OPERATIONS = [
    EndpointDoc(
        method="POST",
        path="/api/v1/auth/login",
        name="logIn",
        summary="Authenticate a customer and create a session",
        description="Always a new session; one that came along ends. Too many failures are slowed down.",
        tag=_TAG,
        body=Credentials,
        body_example={"email": "user@example.com", "password": "filmer-demo"},
        slowed=True,
        answers={
            200: ResponseDoc(
                description="Login successful", data=Customer, example=ok(_CUSTOMER), headers=("Set-Cookie",)
            ),
            401: refusal("Invalid credentials", errors.InvalidCredentials()),
            403: _FORBIDDEN,
        },
    ),
    EndpointDoc(
        method="POST",
        path="/api/v1/auth/register",
        name="register",
        summary="Open an account and create a session",
        description="A password has 8 to 128 characters; there is no other rule.",
        tag=_TAG,
        body=Registration,
        body_example=_NEWCOMER,
        slowed=True,
        answers={
            201: ResponseDoc(
                description="Account opened", data=Customer, example=ok(_CUSTOMER), headers=("Set-Cookie",)
            ),
            403: _FORBIDDEN,
            409: refusal(
                "The e-mail address is known", errors.Conflict("An account with this e-mail address exists already")
            ),
        },
    ),
    EndpointDoc(
        method="POST",
        path="/api/v1/auth/logout",
        name="logOut",
        summary="Invalidate the current session",
        tag=_TAG,
        protected=True,
        answers={
            200: ResponseDoc(
                description="Logout successful",
                data=Message,
                example=ok({"message": "Logged out successfully"}),
                headers=("Set-Cookie",),
            )
        },
    ),
    EndpointDoc(
        method="GET",
        path="/api/v1/auth/session",
        name="showSession",
        summary="Verify the current session and get its customer",
        tag=_TAG,
        protected=True,
        answers={
            200: ResponseDoc(
                description="Session is valid",
                data=CurrentSession,
                example=ok({"authenticated": True, **_CUSTOMER}),
            )
        },
    ),
]
