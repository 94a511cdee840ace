import ssl
import subprocess
from pathlib import Path

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import tls_context


def a_certificate(folder: Path, name: str, *, password: str | None = None) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    secret = ["-nodes"] if password is None else ["-passout", f"pass:{password}"]
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=us"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", cert, *secret], check=True, capture_output=True
    )
    return cert, key


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls_context(None, None) is None


def test_certificate_and_key_may_be_two_files_or_one(tmp_path: Path) -> None:
    cert, key = a_certificate(tmp_path, "ours")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    for context in (tls_context(cert, key), tls_context(both, None)):
        assert context is not None
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_what_does_not_fit_is_an_error_that_says_what(tmp_path: Path) -> None:
    cert, key = a_certificate(tmp_path, "ours")
    _, other = a_certificate(tmp_path, "other")
    locked_cert, locked = a_certificate(tmp_path, "locked", password="secret")
    for given, words in (
        ((None, key), "--tls-key without --tls-cert"),
        ((tmp_path / "no.pem", None), "--tls-cert .*no.pem: No such file"),
        ((cert, tmp_path / "no.key"), "--tls-key .*no.key: No such file"),
        ((tmp_path, None), "Is a directory"),
        ((cert, other), "other.key: not the key of the certificate .*ours.pem"),
        ((cert, None), "ours.pem: not a certificate and its key.*--tls-key"),
        ((key, cert), "not a certificate and a private key"),
        ((locked_cert, locked), "locked.key: the key has a password"),
    ):
        with pytest.raises(SinkError, match=words):
            tls_context(*given)
