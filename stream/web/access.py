"""Access rules: the token, the origins of web pages, and the host names of this server."""

import hmac
import logging
import re
import ssl
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from dancetype.engine.errors import SinkError
from dancetype.engine.log_event import LogEvent

_log = logging.getLogger(__name__)

_ADVICE: Final = 'python -c "import secrets; print(secrets.token_urlsafe())"'
# Characters that are valid in a header and easy to copy.
_TOKEN: Final = re.compile(r"[!-~]{16,512}")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]*)?")
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s]*)")


class Access:
    """Decides which requests and clients are allowed.

    Args:
        token: Token that clients must send; None if they need none.
        origins: Origins of other web pages that may connect, as browsers write them: `null`, or
            scheme, host and a port that is not the default one.
        host: Address that the server listens on.
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
        """Whether clients need no token."""
        return self._token is None

    def knows(self, token: str) -> bool:
        """Return whether `token` is the right one, in constant time."""
        return self._token is not None and hmac.compare_digest(self._token, _bytes(token))

    def authorises(self, authorization: str | None) -> bool:
        """Return whether a request with this `Authorization` header may see everything."""
        token = bearer(authorization)
        return self.open or (token is not None and self.knows(token))

    def serves(self, host: str | None) -> bool:
        """Return whether a request with this `Host` header is meant for this server.

        A web page may point a name of its own at this address, so that the browser takes both for
        one site (DNS rebinding). It cannot do that with an IP address, nor learn a token.
        """
        return not self.open or host is None or self._is_own(host)

    def welcomes(self, origin: str | None, host: str | None) -> bool:
        """Return whether a page of this `Origin` may connect, in a request with this `Host`."""
        if origin is None:  # Not a web page.
            return True
        origin = origin.lower()
        if origin in self._origins:
            return True
        authority = _authority(origin)
        if authority is None or not origin.startswith(("http://", "https://")):
            return False
        if self._loopback and _name(authority) in ("localhost", "127.0.0.1", "[::1]"):
            return True
        return host is not None and authority == host.lower() and self._is_own(host)

    def _is_own(self, host: str) -> bool:
        name = _name(host.lower())
        return name is not None and (name in self._names or _address(name) is not None)


def access_for(
    host: str, token: str | None, insecure: bool, origins: Collection[str] = ()
) -> Access:
    """Create the access rules from settings.

    Raises:
        SinkError: A value is invalid, or other machines could connect without a token and that is
            not allowed by `insecure`.
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
        _log.warning(LogEvent("access_without_token", host=host, advice="set DANCETYPE_TOKEN"))
    return Access(token, origins, host)


def bearer(authorization: str | None) -> str | None:
    """Return the token in an `Authorization` header, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _bytes(token: str) -> bytes:
    # Surrogates are merely a wrong token.
    return token.encode(errors="surrogatepass")


def _authority(origin: str) -> str | None:
    parts = _ORIGIN.fullmatch(origin)
    return parts[2] if parts else None


def _name(authority: str | None) -> str | None:
    parts = _HOST.fullmatch(authority or "")
    return parts[1] if parts else None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


class _EncryptedKeyError(Exception):
    """The private key needs a password."""


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the TLS context of the server; None without a certificate.

    Args:
        cert: Certificate chain (PEM).
        key: Private key (PEM), if it is in a file of its own.

    Raises:
        SinkError: A file cannot be read, has other contents, or the two do not match.
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
        # By default, OpenSSL would ask for the key's password on the terminal.
        context.load_cert_chain(cert, key, password=_no_password)
    except _EncryptedKeyError:
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
    raise _EncryptedKeyError


def _unfit(cert: Path, key: Path | None, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key or cert}: not the key of the certificate {cert}"
    if key is None:
        return f"{cert}: not a certificate and its key (PEM); a key of its own is a --tls-key"
    return f"{cert} and {key}: not a certificate and a private key (PEM)"
