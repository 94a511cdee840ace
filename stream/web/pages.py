"""Responses to plain HTTP requests."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

_STATIC_FOLDER: Final = Path(__file__).with_name("static")
_MEDIA_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_CHUNK_BYTES: Final = 65_536
_PATHS: Final = {"index.html": "/", "overlay.html": "/overlay"}
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
# Headers that responses with these status codes must have (RFC 9110).
_STATUS_HEADERS: Final[Mapping[HTTPStatus, Mapping[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="dancetype"'},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "GET, HEAD"},
    HTTPStatus.UPGRADE_REQUIRED: {"Upgrade": "websocket", "Connection": "Upgrade, close"},
}


@dataclass(frozen=True, slots=True)
class Page:
    """Response to an HTTP request.

    Attributes:
        status: Status code.
        media_type: Value of `Content-Type`.
        body: Content.
        headers: Headers that replace the default ones.
        file: File that has the content in place of `body`.
    """

    status: HTTPStatus
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    @property
    def size(self) -> int:
        """Number of bytes of the content."""
        return len(self.body) if self.file is None else self.file.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in parts, so that a large file is not kept in memory for each client.

        Raises:
            OSError: The file cannot be read.
        """
        if self.file is None:
            yield self.body
            return
        with self.file.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


Route = Callable[[bool], Page | Awaitable[Page]]
"""Function that creates a page; the argument is whether the request is authorised."""


def static_pages() -> Mapping[str, Page]:
    """Return the files of dashboard, overlay and fleet page, by path."""
    return {
        _PATHS.get(file.name, f"/{file.relative_to(_STATIC_FOLDER).as_posix()}"): Page(
            HTTPStatus.OK, f"{_MEDIA_TYPES[file.suffix]}; charset=utf-8", file.read_bytes()
        )
        for file in _STATIC_FOLDER.rglob("*")
        if file.suffix in _MEDIA_TYPES
    }


def text_page(status: HTTPStatus, text: str) -> Page:
    """Return a page with one line of plain text."""
    return Page(status, "text/plain; charset=utf-8", f"{text}\n".encode())


UNAUTHORISED: Final = text_page(
    HTTPStatus.UNAUTHORIZED, "token needed: send the header Authorization: Bearer TOKEN"
)
"""Response to a request without the token, or with a wrong one."""


def json_page(status: HTTPStatus, body: Mapping[str, Any]) -> Page:
    """Return a page with `body` as JSON."""
    return Page(status, "application/json", json.dumps(body).encode())


def unless_cached(page: Page, known: str | None) -> Page:
    """Return a page, or that it is not modified if the client's `If-None-Match` has its ETag."""
    tag = page.headers.get("ETag")
    if page.status is HTTPStatus.OK and tag is not None and tag in (known or ""):
        return Page(HTTPStatus.NOT_MODIFIED, page.media_type, b"", page.headers)
    return page


def response_headers(page: Page) -> list[tuple[str, str]]:
    """Return the headers of a response, some of which isolate the page from other sites."""
    headers = {
        "Content-Type": page.media_type,
        "Content-Length": str(page.size),
        "Content-Security-Policy": _CONTENT_POLICY,
        "X-Content-Type-Options": "nosniff",
        # Other sites must not embed the camera images.
        "Cross-Origin-Resource-Policy": "same-origin",
        # The URL of the page may contain the token.
        "Referrer-Policy": "no-referrer",
        # After an update, the browser must not use pages from the previous release.
        "Cache-Control": "no-store",
        "Connection": "close",
        **_STATUS_HEADERS.get(page.status, {}),
        **page.headers,
    }
    if page.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        del headers["Content-Length"]
    return list(headers.items())
