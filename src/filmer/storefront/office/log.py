"""The office's page of the audit log: who changed what, the latest first."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from msgspec import Meta

from filmer.audit import queries
from filmer.audit.actions import ACTIONS, GROUPS
from filmer.audit.queries import LogFilter
from filmer.audit.sentences import sentence
from filmer.errors import InvalidRequest
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.json_text import Members
from filmer.http.query import Query, read_query
from filmer.storefront.forms import FilledForm, Form, without_blanks
from filmer.storefront.office.lists import Day
from filmer.storefront.pages import HtmlResponse, Pages

ENTRIES_A_PAGE = 50
COMMAND_LINE = "command line"
_LABELS = {"query": "Text", "who": "Who", "group": "What", "since": "From", "until": "Until", "subject": "Subject"}


def _read_who(text: str) -> str:
    if text != COMMAND_LINE and not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - an integer
        raise ValueError("must be an account's number, or the command line")
    return text


class LogQuery(Query):
    """``subject``: its kind and id, such as ``film:tt0078748``. ``before``: entries before this one."""

    query: Annotated[str, Meta(max_length=200)] = ""
    who: Annotated[str, Meta(extra={"read": _read_who})] | None = None
    group: Annotated[str, Meta(max_length=20)] | None = None
    subject: Annotated[str, Meta(max_length=100)] | None = None
    since: Day | None = None
    until: Day | None = None
    before: Annotated[int, Meta(ge=1, le=2**53)] | None = None

    def filter(self) -> LogFilter:
        kind, has_id, subject = (self.subject or "").partition(":")
        return LogFilter(
            text=self.query.strip(),
            account=int(self.who) if self.who and self.who != COMMAND_LINE else None,
            via=COMMAND_LINE if self.who == COMMAND_LINE else None,
            actions=[name for name in ACTIONS if name.startswith(f"{self.group}.")] if self.group else None,
            kind=kind if has_id else None,
            subject=subject if has_id else None,
            since=datetime.fromisoformat(f"{self.since} 00:00Z") if self.since else None,
            until=datetime.fromisoformat(f"{self.until} 00:00Z") + timedelta(days=1) if self.until else None,
            below=self.before,
        )


class LogPages(Handlers):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show_log(self, request: AnyRequest) -> HtmlResponse:
        query_string = without_blanks(request.scope["query_string"])
        async with self._pages.owner(request) as (conn, visitor):
            params, error = LogQuery(), None
            try:
                params = read_query(query_string, LogQuery)
            except InvalidRequest as refusal:
                error = refusal
            entries = await queries.select_entries(conn, params.filter(), size=ENTRIES_A_PAGE + 1)
            actors = await queries.select_actors(conn)
        shown = entries[:ENTRIES_A_PAGE]
        sent = parse_qsl(query_string.decode("latin-1"), errors="replace")
        narrowed = [(name, value.replace("\0", "")) for name, value in sent if name in _LABELS]
        older = urlencode([*narrowed, ("before", shown[-1].id)]) if len(entries) > ENTRIES_A_PAGE else ""
        form = FilledForm.of(_LABELS, Form(Members(narrowed)), error)
        return self._pages.personal(
            "office/log.html", request, visitor, failed=error, form=form,
            lines=[(entry, sentence(entry, self._pages.money)) for entry in shown], params=params, actors=actors,
            groups=GROUPS, command_line=COMMAND_LINE, older=older, newest=urlencode(narrowed),
        )  # fmt: skip
