"""What plain HTTP requests are answered with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Response

_WEB: Final = Path(__file__).with_name("web")
_PAGES: Final = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
}
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to an HTTP request.

    Attributes:
        status: whether it went well.
        kind: media type of the body.
        body: what the client gets.
    """

    status: HTTPStatus
    kind: str
    body: bytes


Route = Callable[[bool], Page]
"""Makes a page; told whether the request may see everything."""


def static_pages() -> Mapping[str, Page]:
    """The page that shows all sources, and what belongs to it, by path."""
    return {
        path: Page(HTTPStatus.OK, f"{kind}; charset=utf-8", (_WEB / name).read_bytes())
        for path, (name, kind) in _PAGES.items()
    }


def plain(status: HTTPStatus, text: str) -> Page:
    """A line for people to read."""
    return Page(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def response(page: Page) -> Response:
    """`page` with the headers that keep it to itself."""
    headers = Headers(
        {
            "Content-Type": page.kind,
            "Content-Length": str(len(page.body)),
            "Content-Security-Policy": _CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            # The page's own address may hold the token.
            "Referrer-Policy": "no-referrer",
            # Page and server belong to one release, and are to stay together over an update.
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    if page.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="dancetype"'
    return Response(page.status, page.status.phrase, headers, page.body)
