"""nginx and Caddy with the configuration of the guide, on a free port of this machine."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection
from typing import Final

from tests.testbed.rtsp_server import find_free_port

NAME: Final = "stage.example"
_GUIDE: Final = Path(__file__).parents[2] / "docs" / "guides" / "proxy.md"
_START_TIMEOUT: Final = 10.0


def snippet(language: str, number: int = 0) -> str:
    """Return a code block of the guide."""
    blocks = re.findall(rf"```{language}\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
    return str(blocks[number])


@contextmanager
def nginx(folder: Path, *, backend: str, location: str = "") -> Iterator[int]:
    """Run nginx; yield the port that it listens on.

    Args:
        folder: Folder for its files, with `cert.pem` and `cert.key`.
        backend: Address of dancetype, as `host:port`.
        location: Lines to add to the location.
    """
    port = find_free_port()
    site = _replace(
        snippet("nginx"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "127.0.0.1:8765": backend,
            f"/etc/ssl/{NAME}.pem": f"{folder}/cert.pem",
            f"/etc/ssl/{NAME}.key": f"{folder}/cert.key",
            "access_log off;": f"access_log off;\n{location}",
        },
    )
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user root;\nworker_processes 1;\npid {folder}/nginx.pid;\ndaemon off;\n"
        f"error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{paths}{site}}}\n"
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "needs nginx: docker/system-packages --test"
    with _running((program, "-c", str(folder / "nginx.conf"), "-p", str(folder)), port):
        yield port


@contextmanager
def caddy(folder: Path, *, backend: str) -> Iterator[int]:
    """Run Caddy; yield the port that it listens on.

    Args:
        folder: Folder for its files, with `cert.pem` and `cert.key`.
        backend: Address of dancetype, as `host:port`.
    """
    port = find_free_port()
    # Caddy obtains certificates from the internet, unless it is given one.
    tls = f"tls {folder}/cert.pem {folder}/cert.key"
    replacements = {f"{NAME} {{": f"{NAME}:{port} {{\n{tls}", "127.0.0.1:8765": backend}
    site = _replace(snippet("caddy"), replacements)
    options = "admin off\nauto_https disable_redirects\nstorage file_system " + str(folder)
    (folder / "Caddyfile").write_text(f"{{\n{options}\n}}\n{site}")
    command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile"))
    with _running(command, port):
        yield port


def create_certificate(folder: Path) -> Path:
    """Create `cert.pem` and `cert.key` for the host name of the guide; return the certificate."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", folder / "cert.key", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem"


def _replace(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            deadline = time.monotonic() + _START_TIMEOUT
            while not _accepts_connections(port):
                assert process.poll() is None, process.communicate()[0].decode()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def _accepts_connections(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return False
    return True
