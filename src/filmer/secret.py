"""The key outside the database: what it takes to make sense of the digests inside."""

import hashlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path

from filmer.settings import MIN_SECRET, Settings, SettingsError
from filmer.store.engines import connect, data_directory
from filmer.store.fingerprint import check_or_store_fingerprint

FILE = "secret.key"
BYTES = 32


class SecretKey:
    """Makes digests that nobody can check guesses against who has the database alone."""

    def __init__(self, settings: Settings) -> None:
        """The key of FILMER_SECRET_KEY, else of the file in the data directory, which is made at first need."""
        self._settings = settings

    @property
    def is_there(self) -> bool:
        """False as long as it is still to be made."""
        return bool(self._settings.secret_key) or self._path.exists()

    @property
    def _path(self) -> Path:
        return data_directory(self._settings) / FILE

    @cached_property
    def _key(self) -> bytes:
        if self._settings.secret_key:
            return self._settings.secret_key.encode()
        try:
            if not self.is_there:
                _make(self._path)
            key = self._path.read_bytes().strip()
        except OSError as error:
            raise SettingsError(
                f"The secret key can't be kept in {self._path}: {error.strerror}. Name a --data-dir that this user may "
                "write to, or set FILMER_SECRET_KEY."
            ) from error
        if len(key) < MIN_SECRET:
            raise SettingsError(f"{self._path} is no secret key: it is too short. Give back the file that was there.")
        return key

    def digest(self, purpose: str, text: str) -> bytes:
        """32 bytes. The same text has another digest for another purpose."""
        return hmac.digest(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256)

    @property
    def fingerprint(self) -> bytes:
        """Tells keys apart, and nothing of the key."""
        return self.digest("fingerprint", "")


def _make(path: Path) -> None:
    """Whole or not at all, and only once, however many ask for it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{FILE}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(BYTES).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        path.hardlink_to(draft)  # fails where another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def require_known_key(settings: Settings) -> None:
    """Raises SettingsError when the database's digests were made with another key."""
    with connect(settings) as conn:
        if not check_or_store_fingerprint(conn, SecretKey(settings).fingerprint):
            raise SettingsError(
                "This database, with the cards on file in it, was used with another secret key. Give back the old one "
                f"(FILMER_SECRET_KEY, or {FILE} in the data directory); if it is lost, `filmer card remove --all` "
                "clears the cards, and they can be put on file again."
            )
