"""API docs of the accounts' endpoints. The examples of responses are those of shop-api.md.

The examples of bodies use the demo's users (contract §8), so that they work from ``/docs``.
"""

from filmer import errors
from filmer.accounts.api import AccountsApi
from filmer.accounts.schemas import Credentials, CurrentSession, Customer, Message, Registration
from filmer.openapi.endpoints import EndpointDoc, EndpointDocs, ResponseDoc, failure

_TAG = "Authentication"
_CUSTOMER = {"customerId": 1, "email": "user@example.com", "firstName": "John", "lastName": "Doe"}
_REGISTRATION = {
    "firstName": "Mary", "lastName": "Major", "email": "mary@example.com", "password": "correct horse",
}  # fmt: skip
_SETS_SESSION = ("Set-Cookie",)
_CROSS_SITE = failure("The request carries a session and comes from another site's page", errors.Forbidden())

DOCS: EndpointDocs = {
    AccountsApi.log_in: EndpointDoc(
        summary="Authenticate a customer and create a session",
        description="Always a new session; one that came along ends. Too many failures are slowed down.",
        tag=_TAG,
        body=Credentials,
        body_example={"email": "user@example.com", "password": "filmer-demo"},
        rate_limited=True,
        responses=(
            ResponseDoc("Login successful", Customer, _CUSTOMER, headers=_SETS_SESSION),
            failure("Invalid credentials", errors.InvalidCredentials()),
            _CROSS_SITE,
        ),
    ),
    AccountsApi.register: EndpointDoc(
        summary="Open an account and create a session",
        description="A password has 8 to 128 characters; there is no other rule.",
        tag=_TAG,
        body=Registration,
        body_example=_REGISTRATION,
        rate_limited=True,
        responses=(
            ResponseDoc("Account opened", Customer, _CUSTOMER, headers=_SETS_SESSION),
            _CROSS_SITE,
            failure(
                "The e-mail address is known", errors.Conflict("An account with this e-mail address exists already")
            ),
        ),
    ),
    AccountsApi.log_out: EndpointDoc(
        summary="Invalidate the current session",
        tag=_TAG,
        responses=(
            ResponseDoc("Logout successful", Message, {"message": "Logged out successfully"}, headers=_SETS_SESSION),
        ),
    ),
    AccountsApi.show_session: EndpointDoc(
        summary="Verify the current session and get its customer",
        tag=_TAG,
        responses=(ResponseDoc("Session is valid", CurrentSession, {"authenticated": True, **_CUSTOMER}),),
    ),
}
