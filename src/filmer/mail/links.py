"""The links of mails: a row's id and a keyed digest of it, made when the mail is sent or shown (contract §12.1).

Ids that are counted up are given out again once a backup was restored, and an old link would be good for the new row.
So rows that links are for draw their ids at random, or the purpose has a moment in it.
"""

import base64
import hmac

from filmer.secret import SecretKey

_MAX_DIGITS = 18


class Links:
    def __init__(self, secret: SecretKey) -> None:
        self._secret = secret

    def token(self, purpose: str, row_id: int) -> str:
        """What a link for this purpose ends with. It is good for as long as the caller's row is."""
        digest = self._secret.digest(f"link {purpose}", str(row_id))
        return f"{row_id}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def read(self, purpose: str, token: str) -> int | None:
        """The id of the row; None for a token that was not made here for this purpose."""
        row_id = row_of(token)
        if row_id is None or not token.isascii():
            return None
        return row_id if hmac.compare_digest(self.token(purpose, row_id), token) else None


def row_of(token: str) -> int | None:
    """The id of the row that a token says it is for, which nobody may believe before ``Links.read``."""
    number = token.partition(".")[0]
    is_number = number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS
    return int(number) if is_number else None
