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

_CREATE_TOKEN: Final = 'python -c "import secrets; print(secrets.token_urlsafe())"'
# All of these characters are valid in a header and easy to copy.
_TOKEN: Final = re.compile(r"[!-~]{16,512}")
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]*)?")
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s]*)")


class Access:
    """Access rules for requests and clients.

    Args:
        token: Token that clients must send; None if they need none.
        origins: Origins of other web pages that may connect, as browsers write them: `null`, or
            scheme, host and a port that is not the default one.
        host: Address that the server listens on.
    """

    def __init__(
        self, token: str | None = None, origins: Collection[str] = (), host: str = "127.0.0.1"
    ) -> None:
        self._token = None if token is None else _encode(token)
        self._origins = frozenset(origin.lower() for origin in origins)
        self._loopback = is_loopback(host)
        origin_hosts = {_host_of(_authority(origin)) for origin in self._origins}
        self._host_names = {"localhost", host.lower(), *origin_hosts} - {None}

    @property
    def token_needed(self) -> bool:
        """Whether clients must send a token."""
        return self._token is not None

    def is_valid_token(self, token: str) -> bool:
        """Return whether `token` is correct, in constant time."""
        return self._token is not None and hmac.compare_digest(self._token, _encode(token))

    def authorises(self, authorization: str | None) -> bool:
        """Return whether a request with this `Authorization` header has full access."""
        token = bearer_token(authorization)
        return not self.token_needed or (token is not None and self.is_valid_token(token))

    def allows_host(self, host: str | None) -> bool:
        """Return whether a request with this `Host` header may be answered.

        A foreign web page can make its own host name resolve to this server, so that the browser
        treats both as one site (DNS rebinding). It cannot do that with an IP address, and it does
        not know the token.
        """
        return self.token_needed or host is None or self._is_server_host(host)

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether a page from this `Origin` may connect, in a request with this `Host`."""
        if origin is None:  # The client is not a web page.
            return True
        origin = origin.lower()
        if origin in self._origins:
            return True
        # The origin of pages opened from a file, but also of those that other sites put in a
        # sandboxed frame. They must then know the token.
        if origin == "null":
            return self.token_needed
        authority = _authority(origin)
        if authority is None or not origin.startswith(("http://", "https://")):
            return False
        if self._loopback and _host_of(authority) in ("localhost", "127.0.0.1", "[::1]"):
            return True
        # A page that was loaded under the name of another site does not know the token.
        return authority == (host or "").lower() and self.allows_host(host)

    def _is_server_host(self, host: str) -> bool:
        name = _host_of(host.lower())
        return name is not None and (name in self._host_names or _ip_address(name) is not None)


def make_access(
    host: str, token: str | None, insecure: bool, origins: Collection[str] = ()
) -> Access:
    """Create the access rules from settings.

    Raises:
        SinkError: A value is invalid, or other machines could connect without a token although
            `insecure` is false.
    """
    if token is not None and not _TOKEN.fullmatch(token):
        raise SinkError(
            "a token must have at least 16 characters: letters, digits and punctuation, no spaces; "
            f"create one with {_CREATE_TOKEN}"
        )
    for origin in origins:
        if origin != "null" and not _ORIGIN.fullmatch(origin.lower()):
            raise SinkError(
                f"--allow-origin {origin!r}: not an origin; write it as http://host:port, without "
                "a path or a trailing slash"
            )
        if origin == "null" and token is None and not is_loopback(host):
            raise SinkError(
                f"--allow-origin null with --host {host!r} lets any website connect: set "
                f"DANCETYPE_TOKEN (create one with {_CREATE_TOKEN}), or leave out --host"
            )
    if token is None and not is_loopback(host):
        if not insecure:
            raise SinkError(
                f"--host {host!r} lets other machines connect without a token: set "
                f"DANCETYPE_TOKEN (create one with {_CREATE_TOKEN}), or allow it with --insecure"
            )
        _log.warning(LogEvent("access_without_token", host=host, advice="set DANCETYPE_TOKEN"))
    return Access(token, origins, host)


def bearer_token(authorization: str | None) -> str | None:
    """Return the token in an `Authorization` header, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    address = _ip_address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _encode(token: str) -> bytes:
    # Comparing a token that contains surrogates must not raise an error.
    return token.encode(errors="surrogatepass")


def _authority(origin: str) -> str | None:
    match = _ORIGIN.fullmatch(origin)
    return match[2] if match else None


def _host_of(authority: str | None) -> str | None:
    match = _AUTHORITY.fullmatch(authority or "")
    return match[1] if match else None


def _ip_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


class _EncryptedKeyError(Exception):
    """The private key is encrypted."""


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the TLS context of the server; None without a certificate.

    Args:
        cert: Certificate chain (PEM).
        key: Private key (PEM); None if it is in the same file.

    Raises:
        SinkError: A file cannot be read or is invalid, or the key does not match the certificate.
    """
    if cert is None:
        if key is not None:
            raise SinkError("--tls-key without --tls-cert: add the certificate")
        return None
    for path, flag in ((cert, "--tls-cert"), (key, "--tls-key")):
        if path is not None:
            _check_readable(path, flag)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # By default, OpenSSL asks for the password on the terminal.
        context.load_cert_chain(cert, key, password=_refuse_password)
    except _EncryptedKeyError:
        raise SinkError(
            f"{key or cert}: the private key is encrypted; decrypt it with "
            "openssl pkey -in KEY -out NEW"
        ) from None
    except ssl.SSLError as error:
        raise SinkError(_tls_error_text(cert, key, error)) from error
    return context


def _check_readable(path: Path, flag: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SinkError(f"{flag} {path}: {error.strerror}") from error


def _refuse_password() -> str:
    raise _EncryptedKeyError


def _tls_error_text(cert: Path, key: Path | None, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key or cert}: the private key does not match the certificate {cert}"
    if key is None:
        return (
            f"{cert}: no certificate and private key (PEM) in this file; if the key is in another "
            "file, add --tls-key"
        )
    return f"{cert} and {key}: not a certificate and a private key (PEM)"
