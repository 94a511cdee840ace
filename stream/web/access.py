"""Who may connect: the token, the origins of web pages, and the names we go by."""

import hmac
import logging
import re
import ssl
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from dancetype.engine.errors import SinkError

_log = logging.getLogger(__name__)

_ADVICE: Final = 'python -c "import secrets; print(secrets.token_urlsafe())"'
# What can stand in a header, and be pasted without doubt about its ends.
_TOKEN: Final = re.compile(r"[!-~]{16,512}")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]*)?")
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s]*)")


class Access:
    """Decides who may connect; holds no state, and shows its token to nobody.

    Args:
        token: what clients have to know; None lets in everyone.
        origins: of web pages that may connect besides our own, as browsers write them: `null`, or
            a scheme and a host, and a port where it is not the usual one.
        host: address listened on.
    """

    def __init__(
        self, token: str | None = None, origins: Collection[str] = (), host: str = "127.0.0.1"
    ) -> None:
        self._token = None if token is None else _bytes(token)
        self._origins = frozenset(origin.lower() for origin in origins)
        self._loopback = is_loopback(host)
        allowed = {_name(_authority(origin)) for origin in self._origins}
        self._names = {"localhost", host.lower(), *allowed} - {None}

    @property
    def open(self) -> bool:
        """Whether no token is needed."""
        return self._token is None

    def knows(self, token: str) -> bool:
        """Whether `token` is the one, told in a time that says nothing about it."""
        return self._token is not None and hmac.compare_digest(self._token, _bytes(token))

    def authorises(self, authorization: str | None) -> bool:
        """Whether a request with this `Authorization` header may see everything."""
        token = bearer(authorization)
        return self.open or (token is not None and self.knows(token))

    def serves(self, host: str | None) -> bool:
        """Whether a request with this `Host` header is meant for us.

        A web page may point a name of its own at our address, to have the browser take it for our
        own page. It has no way to do that with a number, nor to learn a token.
        """
        return not self.open or host is None or self._is_ours(host)

    def welcomes(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this `Origin` may connect, in a request with this `Host` header."""
        if origin is None:  # It is no web page that asks.
            return True
        origin = origin.lower()
        if origin in self._origins:
            return True
        authority = _authority(origin)
        if authority is None or not origin.startswith(("http://", "https://")):
            return False
        if self._loopback and _name(authority) in ("localhost", "127.0.0.1", "[::1]"):
            return True
        return host is not None and authority == host.lower() and self._is_ours(host)

    def _is_ours(self, host: str) -> bool:
        name = _name(host.lower())
        return name is not None and (name in self._names or _address(name) is not None)


def access_for(
    host: str, token: str | None, insecure: bool, origins: Collection[str] = ()
) -> Access:
    """Checks what a user set, before anything starts.

    Args:
        host: address to listen on.
        token: what clients have to know, if anything.
        insecure: whether to listen without a token where others can reach us.
        origins: of further web pages that may connect.

    Raises:
        SinkError: others could reach us without a token, or a value is none that is taken.
    """
    if token is not None and not _TOKEN.fullmatch(token):
        raise SinkError(
            "a token is at least 16 letters, digits and signs, without spaces; make one with "
            + _ADVICE
        )
    for origin in origins:
        if origin != "null" and not _ORIGIN.fullmatch(origin.lower()):
            raise SinkError(
                f"--allow-origin takes http://host:port, as browsers write it: without a path or "
                f"a slash at the end; {origin!r} is not that"
            )
    if token is None and not is_loopback(host):
        if not insecure:
            raise SinkError(
                f"whoever reaches {host or 'this machine'} could watch: set DANCETYPE_TOKEN (make "
                f"one with {_ADVICE}), or say --insecure to let everyone in"
            )
        _log.warning("listening on %s without a token: whoever reaches it can watch", host)
    return Access(token, origins, host)


def bearer(authorization: str | None) -> str | None:
    """The token in an `Authorization` header, if that is what it holds."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _bytes(token: str) -> bytes:
    # Whatever a client makes up, surrogates too, is merely wrong.
    return token.encode(errors="surrogatepass")


def _authority(origin: str) -> str | None:
    """Host and port of an origin."""
    parts = _ORIGIN.fullmatch(origin)
    return parts[2] if parts else None


def _name(authority: str | None) -> str | None:
    """The host in `host:port`."""
    parts = _HOST.fullmatch(authority or "")
    return parts[1] if parts else None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


class _LockedError(Exception):
    """The key asks for a password."""


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What to serve TLS with; None without a certificate.

    Args:
        cert: the certificate and those that vouch for it (PEM), ours first.
        key: its private key (PEM), where that is not in the same file.

    Raises:
        SinkError: a file is missing or does not hold that, or the two do not belong together.
    """
    if cert is None:
        if key is not None:
            raise SinkError("--tls-key without --tls-cert: give the certificate, too")
        return None
    for path, flag in ((cert, "--tls-cert"), (key, "--tls-key")):
        if path is not None:
            _check_readable(path, flag)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a function for it the key's password would be asked for on the terminal.
        context.load_cert_chain(cert, key, password=_no_password)
    except _LockedError:
        raise SinkError(
            f"{key or cert}: the key has a password; take it off with openssl pkey -in KEY -out NEW"
        ) from None
    except ssl.SSLError as error:
        raise SinkError(_unfit(cert, key, error)) from error
    return context


def _check_readable(path: Path, flag: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SinkError(f"{flag} {path}: {error.strerror}") from error


def _no_password() -> str:
    raise _LockedError


def _unfit(cert: Path, key: Path | None, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key or cert}: not the key of the certificate {cert}"
    if key is None:
        return f"{cert}: not a certificate and its key (PEM); a key of its own is a --tls-key"
    return f"{cert} and {key}: not a certificate and a private key (PEM)"
