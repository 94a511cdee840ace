"""Answers to plain HTTP requests."""

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
    """An answer to an HTTP request, with `kind` as its media type."""

    status: HTTPStatus
    kind: str
    body: bytes


Route = Callable[[bool], Page | Awaitable[Page]]
"""Makes a page; called with whether the request is authorised, so that it may see everything."""


def static_pages() -> Mapping[str, Page]:
    """Return the files of the dashboard and the overlay, by path."""
    return {
        _ADDRESSES.get(file.name, f"/{file.relative_to(_WEB).as_posix()}"): Page(
            HTTPStatus.OK, f"{_KINDS[file.suffix]}; charset=utf-8", file.read_bytes()
        )
        for file in _WEB.rglob("*")
        if file.suffix in _KINDS
    }


def plain(status: HTTPStatus, text: str) -> Page:
    """Return a page with a line for people."""
    return Page(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def unauthorised(what: str) -> Page:
    """Return the answer to a request without the token; `what` is like "metrics are"."""
    return plain(
        HTTPStatus.UNAUTHORIZED,
        f"{what} for who knows the token: send the header Authorization: Bearer TOKEN",
    )


def document(status: HTTPStatus, body: Mapping[str, Any]) -> Page:
    """Return a page of JSON."""
    return Page(status, "application/json", json.dumps(body).encode())


def response(page: Page) -> Response:
    """Return a page with headers that isolate it from other sites."""
    headers = Headers(
        {
            "Content-Type": page.kind,
            "Content-Length": str(len(page.body)),
            "Content-Security-Policy": _CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            # Pages of other sites must not embed the pictures.
            "Cross-Origin-Resource-Policy": "same-origin",
            # The page's own address may contain the token.
            "Referrer-Policy": "no-referrer",
            # Page and server must be of one release, also after an update.
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    if page.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="dancetype"'
    return Response(page.status, page.status.phrase, headers, page.body)
