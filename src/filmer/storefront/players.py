"""What a page needs to play a video: its address and type, and subtitles."""

from collections.abc import Mapping

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
    tracks = {language: videos.stream_subtitles_path(token, language) for language in video.subtitles}
    name = videos.file_name(video.location)
    return _player(video, videos.stream_path(token, name), tracks, preferred, start)


def trailer_player(video: Video) -> Player:
    """Of a trailer, the same for everybody: no subtitles are shown until they are chosen."""
    tracks = {language: videos.trailer_subtitles_path(video, language) for language in video.subtitles}
    return _player(video, videos.trailer_path(video), tracks)


def _player(video: Video, address: str, tracks: Mapping[str, str], preferred: str = "", start: float = 0) -> Player:
    shown = next((language for language in tracks if language.lower() == preferred), None) or next(
        (language for language in tracks if preferred and _primary(language) == _primary(preferred)), None
    )
    return Player(
        address,
        videos.content_type(videos.file_name(video.location)),
        [
            Subtitles(language, _LANGUAGES.get(_primary(language), language), track, language == shown)
            for language, track in tracks.items()
        ],
        start,
    )


def _primary(language: str) -> str:
    """``de`` of ``de-AT``."""
    return language.partition("-")[0].lower()
