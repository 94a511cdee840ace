"""Errors of network sources, in our own words and without credentials."""

import errno
import socket
import ssl
from typing import Final

import av.error

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.uri import SourceKind

MAX_REDIRECTS: Final = 5
REDIRECT_DELAY: Final = 0.3
"""Seconds before a redirect is followed, which limit the rate of requests in a loop."""

_ADVICE: Final = {
    SourceKind.UDP: "check that the sender is on, and sends to this machine and port",
    SourceKind.SRT: "check that the sender is on, and its address, port and mode",
    SourceKind.PIPE: "check that a program writes video to it",
}
_DEFAULT_ADVICE: Final = "check that the camera is on, and its address"
_PROTOCOLS: Final = {
    SourceKind.RTSP: "an RTSP camera",
    SourceKind.HTTP: "a video stream over HTTP",
    SourceKind.RTMP: "an RTMP server",
    SourceKind.SRT: "an MPEG-TS stream over SRT",
    SourceKind.UDP: "an MPEG-TS stream",
    SourceKind.PIPE: "a video stream",
}
# RFC 2326 and RFC 9110.
_MEANINGS: Final = {
    400: "bad request",
    405: "method not allowed",
    406: "not acceptable",
    429: "too many requests",
    453: "not enough bandwidth",
    454: "session not found",
    455: "method not valid in this state",
    459: "aggregate operation not allowed",
    461: "transport not supported",
    462: "destination unreachable",
    500: "internal error",
    501: "not implemented",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway time-out",
    505: "version not supported",
}
# FFmpeg reports only classes of other statuses.
_CLASSES: Final[dict[type[Exception], int]] = {
    av.error.HTTPBadRequestError: 400,
    av.error.HTTPUnauthorizedError: 401,
    av.error.HTTPForbiddenError: 403,
    av.error.HTTPNotFoundError: 404,
    av.error.HTTPTooManyRequestsError: 429,
    av.error.HTTPOtherClientError: 4,
    av.error.HTTPServerError: 5,
}


def status_error(name: str, status: int) -> SourceError:
    """Return the error for a status of RTSP or HTTP.

    Args:
        name: Source, as it is shown.
        status: Status from 300, or only its first digit if the others are unknown.
    """
    status_class = int(str(status)[0])
    text = f"{status}, {_MEANINGS[status]}" if status in _MEANINGS else f"{status:x<3}"
    if status in (401, 403, 407):
        return SourceError(
            f"{name}: the camera rejects the user name or password; not retrying, since many "
            "cameras lock an account after failed logins",
            Fault.AUTHENTICATION,
        )
    if status in (404, 410):
        reason, fault = "the camera has no such path; check the URL", Fault.NOT_FOUND
    elif status_class == 3:
        reason = f"redirects more than {MAX_REDIRECTS} times; check the URL"
        fault = Fault.OTHER
    elif status_class == 4:
        reason = (
            f"the camera rejects the request (status {text}); check the URL, and the limits on "
            "clients and bandwidth in the camera"
        )
        fault = Fault.OTHER
    else:
        reason = (
            f"the camera reports a fault (status {text}); restart it, and check that it does not "
            "have too many clients"
        )
        fault = Fault.OTHER
    return SourceUnavailableError(f"{name}: {reason}", fault)


def source_error(
    name: str,
    kind: SourceKind,
    error: OSError | av.error.FFmpegError,
    *,
    seconds: float,
    timeout: float,
) -> SourceError:
    """Return the error for an error of FFmpeg or the operating system.

    Args:
        name: Source, as it is shown.
        kind: Kind of the source.
        error: Error; its text is not used, since it may contain the URL.
        seconds: Duration of the operation that failed.
        timeout: Duration from which it counts as timed out.
    """
    advice = _ADVICE.get(kind, _DEFAULT_ADVICE)
    if status := _CLASSES.get(type(error)):
        return status_error(name, status)
    match error:
        case socket.gaierror():
            reason, fault = f"unknown host: {error.strerror}; check the address", Fault.NOT_FOUND
        case ssl.SSLCertVerificationError():
            reason = (
                f"certificate not trusted ({error.verify_message}); set SSL_CERT_FILE to the CA "
                "that signed it, or use a URL without TLS"
            )
            fault = Fault.OTHER
        case ConnectionRefusedError():
            reason, fault = f"connection refused; {advice} and port", Fault.REFUSED
        case av.error.DecoderNotFoundError():
            return SourceError(
                f"{name}: unsupported video format; set the camera to H.264", Fault.CODEC
            )
        case _ if error.errno == errno.EADDRINUSE:
            reason, fault = "another program uses this port; choose another one", Fault.REFUSED
        case _ if error.errno == errno.EADDRNOTAVAIL:
            reason = "this machine does not have the address; use its own address, or none"
            fault = Fault.NOT_FOUND
        case _ if seconds >= timeout or _is_timeout(error):
            reason, fault = f"no response within {seconds:.0f} s; {advice}", Fault.TIMED_OUT
        # The peer closed the connection within a response, or uses another protocol.
        case av.error.InvalidDataError() | av.error.EOFError() | ConnectionError() | ssl.SSLError():
            reason, fault = f"connection closed, or not {_PROTOCOLS[kind]}", Fault.ENDED
        case _ if error.errno == errno.EIO:
            reason, fault = f"connection closed, or not {_PROTOCOLS[kind]}", Fault.ENDED
        case av.error.UnknownError() if kind is SourceKind.RTMP:
            reason = "the server rejects the request, or has no such stream; check the URL"
            fault = Fault.NOT_FOUND
        case _:
            reason, fault = f"cannot be read ({error.strerror}); {advice}", Fault.OTHER
    return SourceUnavailableError(f"{name}: {reason}", fault)


def _is_timeout(error: OSError | av.error.FFmpegError) -> bool:
    # FFmpeg reports a missing response in several ways.
    return isinstance(error, TimeoutError | av.error.ExitError) or error.errno in (
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )
