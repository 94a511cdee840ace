"""Redirects of RTSP servers, which FFmpeg follows without a limit."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from dancetype.engine.errors import SourceUnavailableError
from dancetype.stream.sources.faults import MAX_REDIRECTS, REDIRECT_DELAY, status_error
from dancetype.stream.sources.http_auth import authorization, credentials_of, without_credentials
from dancetype.stream.sources.sockets import Connection, Deadline

_PORTS: Final = {"rtsp": 554, "rtsps": 322}
_MAX_HEADER_LINES: Final = 100
_MAX_LINE_BYTES: Final = 8192
# Statuses of servers that expect other requests before DESCRIBE, which FFmpeg sends.
_UNSUITABLE: Final = (405, 455, 501)


def resolve_redirects(
    url: str, name: str, deadline: Deadline, *, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Ask an RTSP server to describe a stream, and follow its redirects.

    Args:
        url: URL of the stream, with credentials if it needs any.
        name: URL as it is shown.
        deadline: Deadline of all responses.
        sleep: Function that waits for some seconds.

    Returns:
        URL that is not redirected.

    Raises:
        SourceError: The server rejects the request, or redirects too often.
        OSError: The server does not answer, or is not an RTSP server.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = _describe(url, deadline)
        location = response.headers.get("location", "")
        if response.status // 100 != 3 or not location:
            break
        redirected = _redirected(url, location)
        if redirected is None:
            raise SourceUnavailableError(
                f"{name}: redirects to something that is not an RTSP URL; check the URL"
            )
        url = redirected
        sleep(REDIRECT_DELAY)
    if response.status >= 300 and response.status not in _UNSUITABLE:
        raise status_error(name, response.status)
    return url


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: dict[str, str]
    challenges: tuple[str, ...]


def _describe(url: str, deadline: Deadline) -> _Response:
    """Return the response to DESCRIBE, with the credentials in the URL if they are needed."""
    parts = urlsplit(url)
    tls = None
    if parts.scheme.lower() == "rtsps":
        # Certificates of cameras are self-signed; FFmpeg does not verify them, either.
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    port = parts.port or _PORTS[parts.scheme.lower()]
    connection = Connection(parts.hostname or "", port, deadline, tls=tls)
    with connection.makefile() as reader:
        response = _request(parts, connection, reader.readline)
        credentials = credentials_of(parts)
        if response.status == 401 and credentials:
            answer = authorization(
                response.challenges,
                credentials,
                method="DESCRIBE",
                uri=without_credentials(parts).geturl(),
            )
            if answer:
                # On the same connection, which many cameras bind their challenge to.
                reader.read(_body_length(response))
                response = _request(parts, connection, reader.readline, answer)
    return response


def _request(
    parts: SplitResult,
    connection: Connection,
    readline: Callable[[int], bytes],
    answer: str | None = None,
) -> _Response:
    uri = without_credentials(parts).geturl()
    lines = [f"DESCRIBE {uri} RTSP/1.0", f"CSeq: {2 if answer else 1}"]
    lines += ["Accept: application/sdp", "User-Agent: dancetype"]
    lines += [f"Authorization: {answer}"] if answer else []
    connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    version, _, rest = _read_line(readline).partition(" ")
    if not version.startswith("RTSP/") or not rest[:3].isdecimal():
        raise ConnectionError("not an RTSP server")
    headers: dict[str, str] = {}
    challenges = []
    for _ in range(_MAX_HEADER_LINES):
        key, _, value = _read_line(readline).partition(":")
        if not key:
            break
        headers[key.lower()] = value.strip()
        if key.lower() == "www-authenticate":
            challenges.append(value)
    return _Response(int(rest[:3]), headers, tuple(challenges))


def _body_length(response: _Response) -> int:
    text = response.headers.get("content-length", "0")
    return min(int(text), _MAX_LINE_BYTES) if text.isdecimal() else 0


def _read_line(readline: Callable[[int], bytes]) -> str:
    line = readline(_MAX_LINE_BYTES)
    if not line:
        raise ConnectionError("connection closed within a response")
    return line.decode(errors="replace").strip()


def _redirected(url: str, location: str) -> str | None:
    """Return the URL of a redirect, with the same credentials if the host is the same.

    The result is None if the location is not an RTSP URL.
    """
    old = urlsplit(url)
    try:
        # `urljoin` does not know the scheme.
        relative = "://" not in location
        if relative:
            location = (
                old.scheme + urljoin(f"http://{old.netloc}{old.path}", location)[len("http") :]
            )
        new = urlsplit(location)
        if new.scheme.lower() not in _PORTS or not new.hostname or new.port == 0:
            return None
    except ValueError:
        return None
    if new.hostname == old.hostname and new.username is None and "@" in old.netloc:
        user = old.netloc.rpartition("@")[0]
        new = new._replace(netloc=f"{user}@{new.netloc}")
    return new.geturl()
