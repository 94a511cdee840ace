"""Basic and Digest authentication of HTTP (RFC 7617 and 7616), which RTSP uses, too."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote
from urllib.request import parse_http_list


class Credentials(NamedTuple):
    """User name and password."""

    user: str
    password: str


_HASHES: Final[dict[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "sha-256": hashlib.sha256,
}


def credentials_of(url: SplitResult) -> Credentials | None:
    """Return the credentials in a URL, decoded; None if it has none."""
    if url.username is None:
        return None
    return Credentials(unquote(url.username), unquote(url.password or ""))


def without_credentials(url: SplitResult) -> SplitResult:
    """Return a URL without user name and password."""
    return url._replace(netloc=url.netloc.rpartition("@")[2])


def authorization(
    challenges: Iterable[str], credentials: Credentials, *, method: str, uri: str
) -> str | None:
    """Return the `Authorization` header that answers one of a server's challenges.

    Args:
        challenges: Values of the `WWW-Authenticate` headers.
        credentials: User name and password.
        method: Method of the request.
        uri: URI in the request line.

    Returns:
        Value of the header; None if no challenge is supported.
    """
    basic = None
    for challenge in challenges:
        scheme, _, text = challenge.strip().partition(" ")
        if scheme.lower() == "digest":
            fields = _parse_fields(text)
            if fields.get("algorithm", "MD5").lower() in _HASHES and "nonce" in fields:
                return _digest(fields, credentials, method, uri)
        elif scheme.lower() == "basic":
            pair = f"{credentials.user}:{credentials.password}".encode()
            basic = f"Basic {base64.b64encode(pair).decode()}"
    return basic


def _parse_fields(text: str) -> dict[str, str]:
    items = (item.partition("=") for item in parse_http_list(text))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in items}


def _digest(fields: dict[str, str], credentials: Credentials, method: str, uri: str) -> str:
    algorithm = fields.get("algorithm", "MD5")

    def digest(*parts: str) -> str:
        return _HASHES[algorithm.lower()](":".join(parts).encode()).hexdigest()

    realm, nonce = fields.get("realm", ""), fields["nonce"]
    secret = digest(credentials.user, realm, credentials.password)
    request = digest(method, uri)
    values = {"username": credentials.user, "realm": realm, "nonce": nonce, "uri": uri}
    extra = f", algorithm={algorithm}" if "algorithm" in fields else ""
    if "auth" in (item.strip() for item in fields.get("qop", "").split(",")):
        client_nonce = secrets.token_hex(8)
        values["cnonce"] = client_nonce
        values["response"] = digest(secret, nonce, "00000001", client_nonce, "auth", request)
        extra += ", qop=auth, nc=00000001"
    else:
        values["response"] = digest(secret, nonce, request)
    if "opaque" in fields:
        values["opaque"] = fields["opaque"]
    quoted = ", ".join(
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace('"', r"\""))
        for name, value in values.items()
    )
    return f"Digest {quoted}{extra}"
