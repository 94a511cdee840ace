"""HTTP client for video streams, with limits on redirects and requests."""

import http.client
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from dancetype.engine.errors import Fault, SourceError
from dancetype.stream.sources.faults import MAX_REDIRECTS, REDIRECT_DELAY, status_error
from dancetype.stream.sources.http_auth import authorization, credentials_of, without_credentials
from dancetype.stream.sources.redaction import shown_url
from dancetype.stream.sources.sockets import Connection, Deadline

_MAX_REQUESTS: Final = 8
_RATE_SPAN: Final = 2.0
"""Seconds in which at most `_MAX_REQUESTS` are sent."""
_MAX_READ: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}
# Characters that are valid in a request line; others, such as spaces, are percent-encoded.
_VALID: Final = "/?:@!$&'()*+,;=%-._~[]#"


class HttpBody:
    """Body of a response, as a `ByteReader`.

    Attributes:
        url: URL of the response, after redirects, without credentials.
        media_type: Media type in lower case, without parameters.
    """

    def __init__(self, response: http.client.HTTPResponse | None, url: str) -> None:
        self._response = response
        self.url = url
        content_type = response.headers.get("Content-Type", "") if response else ""
        self.media_type = content_type.partition(";")[0].strip().lower()

    def read(self, size: int) -> bytes:
        """Wait for the next bytes and return up to `size` of them; return none at the end."""
        if self._response is None:
            return b""
        try:
            return self._response.read1(min(size, _MAX_READ))
        except http.client.HTTPException as error:
            raise ConnectionError("the response is incomplete") from error

    def close(self) -> None:
        """Close the connection."""
        if self._response:
            self._response.close()


class HttpClient:
    """Client of one stream and of the playlists and segments that it refers to.

    Args:
        url: URL of the stream, with credentials if it needs any. They are only sent to its host.
        name: URL as it is shown.
        deadline: Deadline of all reads.
        clock: Monotonic clock in seconds.
        sleep: Function that waits for some seconds.
    """

    def __init__(
        self,
        url: str,
        name: str,
        deadline: Deadline,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        self._name = name
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._host = parts.hostname
        self._credentials = credentials_of(parts)
        self._challenges: list[str] = []
        self._requested: deque[float] = deque(maxlen=_MAX_REQUESTS)
        self._first: HttpBody | None = self.get(url)

    @property
    def first(self) -> HttpBody:
        """Body of the stream itself."""
        assert self._first
        return self._first

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> HttpBody:
        """Request a URL, and follow redirects.

        Raises:
            SourceError: The server rejects the request, or redirects too often.
            OSError: The server does not answer, or is not an HTTP server.
        """
        for _ in range(MAX_REDIRECTS + 1):
            parts = self._checked(url)
            response = self._request(parts, headers or {})
            location = response.headers.get("Location")
            if response.status // 100 != 3 or not location:
                break
            response.close()
            url = _joined(url, location)
            self._sleep(REDIRECT_DELAY)
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            response.close()
            raise status_error(self._name, response.status)
        return HttpBody(response, without_credentials(parts).geturl())

    def open_nested(self, url: str, flags: int, options: Mapping[str, str]) -> HttpBody:
        """Open a playlist or segment for FFmpeg; a segment that is missing is empty."""
        del flags
        if self._first and url == self._first.url:
            body, self._first = self._first, None
            return body
        headers = {}
        if offset := int(options.get("offset") or 0):
            end = int(options.get("end_offset") or 0)
            headers["Range"] = f"bytes={offset}-{end - 1 if end else ''}"
        try:
            return self.get(url, headers=headers)
        except SourceError as error:
            # FFmpeg skips an empty segment, but not an error in opening it.
            if error.fault is not Fault.NOT_FOUND:
                raise
            return HttpBody(None, url)

    def _checked(self, url: str) -> SplitResult:
        """Return the parts of a URL whose protocol is allowed."""
        try:
            parts = urlsplit(url)
            valid = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if url.startswith("crypto"):
            raise SourceError(
                f"{self._name}: the playlist is encrypted, which is not supported; use a stream "
                "without encryption",
                Fault.CODEC,
            )
        if not valid:
            raise SourceError(
                f"{self._name}: refers to {shown_url(url)}, which is not allowed; a stream over "
                "HTTP may refer to http:// and https:// only"
            )
        return parts

    def _request(self, parts: SplitResult, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send a request, with the credentials if the server asks for them."""
        target = quote(
            parts._replace(scheme="", netloc="", fragment="").geturl() or "/", safe=_VALID
        )
        if not target.startswith("/"):
            target = f"/{target}"
        answer = self._answer(parts, target)
        response = self._send(parts, target, headers, answer)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials:
            self._challenges = response.headers.get_all("WWW-Authenticate", [])
            # Basic authentication was rejected if the header is the same.
            if (new_answer := self._answer(parts, target)) and new_answer != answer:
                response.close()
                response = self._send(parts, target, headers, new_answer)
        return response

    def _answer(self, parts: SplitResult, target: str) -> str | None:
        if not self._credentials or parts.hostname != self._host:
            return None
        return authorization(self._challenges, self._credentials, method="GET", uri=target)

    def _send(
        self, parts: SplitResult, target: str, headers: Mapping[str, str], answer: str | None
    ) -> http.client.HTTPResponse:
        self._wait_for_turn()
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        client = http.client.HTTPConnection(host, port)
        connection = Connection(host, port, self._deadline, tls=tls)
        # With `sock` set, the client does not connect by itself.
        client.sock = connection
        all_headers = {
            "Host": without_credentials(parts).netloc,
            "User-Agent": "dancetype",
            "Accept": "*/*",
        }
        all_headers |= {"Connection": "close", **headers}
        if answer:
            all_headers["Authorization"] = answer
        try:
            client.request("GET", target, headers=all_headers)
            return client.getresponse()
        except (http.client.HTTPException, ValueError) as error:
            connection.shut_down()
            raise ConnectionError("not an HTTP server") from error

    def _wait_for_turn(self) -> None:
        """Wait if too many requests have been sent recently."""
        if len(self._requested) == _MAX_REQUESTS:
            self._sleep(max(self._requested[0] + _RATE_SPAN - self._clock(), 0.0))
        self._requested.append(self._clock())


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # `_checked` refuses it.
