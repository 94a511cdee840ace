import ssl
import subprocess
from pathlib import Path

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import tls_context


def create_certificate(
    folder: Path, name: str, *, password: str | None = None
) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    password_options = ["-nodes"] if password is None else ["-passout", f"pass:{password}"]
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=us"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", cert, *password_options],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_no_certificate_means_no_tls() -> None:
    assert tls_context(None, None) is None


def test_certificate_and_key_load_from_one_file_or_two(tmp_path: Path) -> None:
    cert, key = create_certificate(tmp_path, "server")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    for context in (tls_context(cert, key), tls_context(both, None)):
        assert context is not None
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_invalid_files_raise_error_that_names_the_file_and_problem(tmp_path: Path) -> None:
    cert, key = create_certificate(tmp_path, "server")
    _, other_key = create_certificate(tmp_path, "other")
    encrypted_cert, encrypted_key = create_certificate(tmp_path, "encrypted", password="secret")
    for arguments, message in (
        ((None, key), "--tls-key without --tls-cert"),
        ((tmp_path / "no.pem", None), "--tls-cert .*no.pem: No such file"),
        ((cert, tmp_path / "no.key"), "--tls-key .*no.key: No such file"),
        ((tmp_path, None), "Is a directory"),
        (
            (cert, other_key),
            "other.key: the private key does not match the certificate .*server.pem",
        ),
        ((cert, None), "server.pem: no certificate and private key.*--tls-key"),
        ((key, cert), "not a certificate and a private key"),
        ((encrypted_cert, encrypted_key), "encrypted.key: the private key is encrypted"),
    ):
        with pytest.raises(SinkError, match=message):
            tls_context(*arguments)
