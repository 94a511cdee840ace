"""A real run behind nginx and Caddy with TLS, under a path prefix, as the guide configures them."""

import base64
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.testbed.command import Command
from tests.testbed.demo_server import chromium
from tests.testbed.reverse_proxy import NAME, caddy, create_certificate, nginx, snippet

TOKEN: Final = "a-token-behind-a-proxy"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
PROXIES: Final = (nginx, caddy)


@pytest.fixture(scope="module")
def command(pose_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    folder = tmp_path_factory.mktemp("command")
    environment = {"DANCETYPE_TOKEN": TOKEN}
    with Command(
        "--source", "stage=test:?fps=5", folder=folder, environment=environment
    ) as command:
        yield command


class _Connection(http.client.HTTPSConnection):
    """Connection to the proxy on this machine, whatever the name of the host."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        super().__init__(NAME, port, timeout=20, context=tls)
        self._tls = tls

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._tls.wrap_socket(raw, server_hostname=NAME)


class Site:
    """The site of a proxy, which resolves to this machine.

    Args:
        port: Port of the proxy.
        certificate: Certificate that clients trust.
    """

    def __init__(self, port: int, certificate: Path) -> None:
        self.host = f"{NAME}:{port}"
        self._port = port
        self._tls = ssl.create_default_context(cafile=certificate)
        self._connection = _Connection(port, self._tls)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        """Return status, headers and body of a page."""
        self._connection.request("GET", path, headers=headers)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def connect(self, path: str, origin: str | None = None, **headers: str) -> ClientConnection:
        """Connect to the WebSocket."""
        return connect(
            f"wss://{self.host}{path}",
            sock=socket.create_connection(("127.0.0.1", self._port), 10),
            ssl=self._tls,
            origin=origin,  # type: ignore[arg-type]
            additional_headers=headers,
        )


@pytest.fixture(params=PROXIES, ids=[proxy.__name__ for proxy in PROXIES])
def site(request: pytest.FixtureRequest, command: Command, tmp_path: Path) -> Iterator[Site]:
    certificate = create_certificate(tmp_path)
    proxy: AbstractContextManager[int] = request.param(tmp_path, backend=command.address)
    with proxy as port, closing(Site(port, certificate)) as site:
        yield site


def test_pages_and_all_their_files_are_served_under_the_prefix(site: Site) -> None:
    found = {"/dance/", "/dance/overlay"}
    loaded: set[str] = set()
    while found - loaded:
        path = min(found - loaded)
        status, _, text = site.get(path)
        assert status == HTTPStatus.OK, path
        loaded.add(path)
        folder = path.rpartition("/")[0]
        addresses = re.findall(
            r'(?:href|src|from|import|@import)[=\s(]+"([^"]+\.(?:css|js))"', text
        )
        for address in addresses:
            assert not address.startswith("/"), f"{path}: {address} is outside the prefix"
            found.add(_resolve(folder, address))
    assert len(loaded) > 10


def _resolve(folder: str, address: str) -> str:
    parts = folder.split("/")
    for part in address.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def test_address_without_the_last_slash_is_redirected(site: Site) -> None:
    status, headers, _ = site.get("/dance")
    assert status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND)
    assert re.fullmatch(r"(https://stage\.example(:\d+)?)?/dance/", headers["Location"])


def test_websocket_sends_predictions_to_the_page_of_the_site(site: Site) -> None:
    with site.connect("/dance/ws", origin=f"https://{site.host}") as client:
        client.send(json.dumps({"type": "hello", "token": TOKEN}))
        while json.loads(client.recv(30))["type"] != "prediction":
            pass


def test_other_sites_and_wrong_tokens_are_refused(site: Site) -> None:
    with pytest.raises(InvalidStatus) as error:
        site.connect("/dance/ws", origin="https://evil.example")
    assert error.value.response.status_code == HTTPStatus.FORBIDDEN
    with site.connect("/dance/ws") as client:
        client.send(json.dumps({"type": "hello", "token": "a-wrong-token-of-a-client"}))
        with pytest.raises(Exception, match="4401"):
            client.recv(10)
    assert site.get("/dance/status")[0] == HTTPStatus.UNAUTHORIZED
    assert site.get("/dance/status", **BEARER)[0] == HTTPStatus.OK
    assert site.get("/dance/readyz")[0] == HTTPStatus.OK


def test_forwarded_addresses_do_not_change_who_may_connect(site: Site) -> None:
    headers = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=127.0.0.1"}
    headers["X-Forwarded-Host"] = "127.0.0.1"
    assert site.get("/dance/status", **headers)[0] == HTTPStatus.UNAUTHORIZED
    with pytest.raises(InvalidStatus):
        site.connect("/dance/ws", origin="https://evil.example", **headers)


def test_nginx_can_ask_for_a_password_and_send_the_token(command: Command, tmp_path: Path) -> None:
    certificate = create_certificate(tmp_path)
    users = tmp_path / "users"
    users.write_text("dancer:{PLAIN}password\n")
    lines = snippet("nginx", 1).replace("/etc/nginx/dancetype.users", str(users))
    lines = lines.replace("TOKEN", TOKEN)
    with (
        nginx(tmp_path, backend=command.address, location=lines) as port,
        closing(Site(port, certificate)) as site,
    ):
        assert site.get("/dance/status")[0] == HTTPStatus.UNAUTHORIZED
        assert site.get("/dance/status", **BEARER)[0] == HTTPStatus.UNAUTHORIZED
        login = base64.b64encode(b"dancer:password").decode()
        headers = {"Authorization": f"Basic {login}"}
        assert site.get("/dance/status", **headers)[0] == HTTPStatus.OK
        with site.connect("/dance/ws", origin=f"https://{site.host}", **headers) as client:
            assert json.loads(client.recv(10))["type"] in ("source", "prediction", "heartbeat")


def test_dashboard_is_live_behind_nginx(command: Command, tmp_path: Path) -> None:
    create_certificate(tmp_path)
    with (
        nginx(tmp_path, backend=command.address) as port,
        chromium(f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as browser,
    ):
        context = browser.new_context(ignore_https_errors=True)
        errors: list[str] = []
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("requestfailed", lambda request: errors.append(request.url))
        dashboard, overlay = context.new_page(), context.new_page()
        dashboard.goto(f"https://{NAME}:{port}/dance/?token={TOKEN}")
        overlay.goto(f"https://{NAME}:{port}/dance/overlay?token={TOKEN}")
        rate = dashboard.locator(".fps")
        expect(rate).to_have_text(re.compile(r"^\d+\.\d of \d+$"), timeout=30_000)
        expect(overlay.locator("body")).to_have_attribute("data-state", "live", timeout=30_000)
        assert errors == []
        assert not (tmp_path / "access.log").read_text()
