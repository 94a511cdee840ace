"""What plain HTTP requests are answered with."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from websockets.datastructures import Headers
from websockets.http11 import Response

_WEB: Final = Path(__file__).with_name("static")
_KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_ADDRESSES: Final = {"index.html": "/", "overlay.html": "/overlay"}
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
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


Route = Callable[[bool], Page | Awaitable[Page]]
"""Makes a page, now or soon; told whether the request may see everything."""


def static_pages() -> Mapping[str, Page]:
    """The dashboard, the overlay and what belongs to them, by path."""
    return {
        _ADDRESSES.get(file.name, f"/{file.relative_to(_WEB).as_posix()}"): Page(
            HTTPStatus.OK, f"{_KINDS[file.suffix]}; charset=utf-8", file.read_bytes()
        )
        for file in _WEB.rglob("*")
        if file.suffix in _KINDS
    }


def plain(status: HTTPStatus, text: str) -> Page:
    """A line for people to read."""
    return Page(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def unauthorised(what: str) -> Page:
    """The answer to who does not know the token, where `what` is kept from them: "metrics are"."""
    return plain(
        HTTPStatus.UNAUTHORIZED,
        f"{what} for who knows the token: send the header Authorization: Bearer TOKEN",
    )


def document(status: HTTPStatus, body: Mapping[str, Any]) -> Page:
    """An answer for programs to read, as JSON."""
    return Page(status, "application/json", json.dumps(body).encode())


def response(page: Page) -> Response:
    """`page` with the headers that keep it to itself."""
    headers = Headers(
        {
            "Content-Type": page.kind,
            "Content-Length": str(len(page.body)),
            "Content-Security-Policy": _CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            # A page of another site is not to show our pictures, either.
            "Cross-Origin-Resource-Policy": "same-origin",
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
