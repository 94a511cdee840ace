"""The certificate that the page and the WebSocket are served with."""

import ssl
from pathlib import Path

from dancetype.engine.errors import SinkError


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
