"""What a page needs to play a video: its address and type, and subtitles."""

from collections.abc import Callable
from functools import partial

import msgspec

from filmer.http.handlers import AnyRequest
from filmer.rentals import videos
from filmer.rentals.schemas import Video

# Each by its own name, for those who look for it.
_LANGUAGES = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά", "en": "English",
    "es": "Español", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "hu": "Magyar", "it": "Italiano",
    "ja": "日本語", "ko": "한국어", "nl": "Nederlands", "no": "Norsk", "pl": "Polski", "pt": "Português",
    "ro": "Română", "ru": "Русский", "sv": "Svenska", "tr": "Türkçe", "uk": "Українська", "zh": "中文",
}  # fmt: skip


class Subtitles(msgspec.Struct, frozen=True):
    language: str
    name: str
    address: str
    is_shown: bool


class Player(msgspec.Struct, frozen=True):
    """``start``: where to begin, in seconds."""

    address: str
    content_type: str
    subtitles: list[Subtitles]
    start: float = 0


def feature_player(video: Video, token: str, request: AnyRequest, *, start: float) -> Player:
    """Of what is rented: ``token`` is of a stream link. Subtitles in the browser's language are shown."""
    preferred = request.headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip().lower()
    return _player(video, partial(videos.stream_path, token), preferred, start)


def trailer_player(video: Video) -> Player:
    """Of a trailer, the same for everybody: no subtitles are shown until they are chosen."""
    return _player(video, partial(videos.trailer_path, video.id))


def _player(video: Video, path: Callable[[str], str], preferred: str = "", start: float = 0) -> Player:
    name, languages = videos.file_name(video.location), video.subtitles
    shown = next((language for language in languages if language.lower() == preferred), None) or next(
        (language for language in languages if preferred and _primary(language) == _primary(preferred)), None
    )
    tracks = [
        Subtitles(code, _LANGUAGES.get(_primary(code), code), path(videos.subtitles_name(code)), code == shown)
        for code in languages
    ]
    return Player(path(name), videos.content_type(name), tracks, start)


def _primary(language: str) -> str:
    """``de`` of ``de-AT``."""
    return language.partition("-")[0].lower()
