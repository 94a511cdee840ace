import logging
import shlex
import subprocess
import sys

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import Access, bearer_token, is_loopback, make_access

TOKEN = "correct-horse-battery"
PAGE = "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.5", False),
        ("stage.local", False),
        ("localhost.evil.example", False),
    ],
)
def test_only_localhost_and_loopback_addresses_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "stage.local"])
def test_token_is_needed_if_other_machines_can_connect(host: str) -> None:
    with pytest.raises(SinkError, match=r"DANCETYPE_TOKEN.*--insecure"):
        make_access(host, None, insecure=False)
    assert make_access(host, TOKEN, insecure=False).token_needed


def test_insecure_allows_no_token_and_logs_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert not make_access("0.0.0.0", None, insecure=True).token_needed
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "access_without_token host='0.0.0.0' advice='set DANCETYPE_TOKEN'")
    ]


def test_no_token_is_needed_on_loopback(caplog: pytest.LogCaptureFixture) -> None:
    assert not make_access("127.0.0.1", None, insecure=False).token_needed
    assert caplog.records == []


@pytest.mark.parametrize("token", ["", "fifteen-letters", "sixteen letters!", "sixteen-letters\n"])
def test_short_or_unprintable_token_is_refused_with_command_to_create_one(token: str) -> None:
    with pytest.raises(SinkError, match="at least 16") as error:
        make_access("127.0.0.1", token, insecure=False)
    arguments = str(error.value).partition("create one with python ")[2]
    token = subprocess.check_output([sys.executable, *shlex.split(arguments)], text=True).strip()
    assert make_access("0.0.0.0", token, insecure=False).is_valid_token(token)


@pytest.mark.parametrize(
    "origin", ["*", "example.org", "http://example.org/", "http://example.org/page", "http://a b"]
)
def test_malformed_origin_is_refused(origin: str) -> None:
    with pytest.raises(SinkError, match=r"--allow-origin .* write it as http://host:port"):
        make_access("127.0.0.1", None, insecure=False, origins=[origin])


def test_only_the_exact_token_is_accepted() -> None:
    access = Access(TOKEN)
    assert access.is_valid_token(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\ud800" * len(TOKEN), "é" * 21):
        assert not access.is_valid_token(other)


def test_repr_does_not_contain_the_token() -> None:
    assert TOKEN not in f"{Access(TOKEN)!r} {Access(TOKEN)}"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (f"Bearer {TOKEN}", TOKEN),
        (f"bearer  {TOKEN} ", TOKEN),
        ("Bearer", ""),
        (f"Basic {TOKEN}", None),
        (TOKEN, None),
        (None, None),
    ],
)
def test_bearer_token_is_read_from_authorization_header(
    header: str | None, token: str | None
) -> None:
    assert bearer_token(header) == token
    assert Access(TOKEN).authorises(header) is (token == TOKEN)
    assert Access().authorises(header)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8765", True),
        ("192.168.1.5", True),
        ("[::1]:8765", True),
        ("localhost:8765", True),
        ("Stage.Local:8765", True),
        ("desk.example:80", True),
        (None, True),
        ("rebound.example:8765", False),
        ("localhost.rebound.example", False),
        ("rebound.example@localhost", False),
        ("localhost, rebound.example", False),
        ("", False),
    ],
)
def test_only_host_names_of_the_server_are_allowed_without_a_token(
    host: str | None, allowed: bool
) -> None:
    origins = ("https://desk.example",)
    assert Access(origins=origins, host="stage.local").allows_host(host) is allowed
    assert Access(TOKEN, origins, "stage.local").allows_host(host)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "127.0.0.1:8765", True),
        (PAGE, "127.0.0.1:8765", True),
        ("http://localhost:3000", "127.0.0.1:8765", True),
        ("https://[::1]", "127.0.0.1:8765", True),
        ("https://desk.example:8443", "127.0.0.1:8765", True),
        ("https://desk.example", "127.0.0.1:8765", False),
        ("http://desk.example:8443", "127.0.0.1:8765", False),
        ("http://evil.example", "127.0.0.1:8765", False),
        ("http://localhost.evil.example", "127.0.0.1:8765", False),
        ("http://evil.example:8765", "evil.example:8765", False),
        ("ftp://localhost", "127.0.0.1:8765", False),
        ("null", "127.0.0.1:8765", False),
        ("file://", "127.0.0.1:8765", False),
        ("", "127.0.0.1:8765", False),
        (f"{PAGE}, {PAGE}", "127.0.0.1:8765", False),
    ],
)
def test_only_pages_from_this_machine_and_allowed_origins_may_connect(
    origin: str | None, host: str, allowed: bool
) -> None:
    access = make_access("127.0.0.1", None, insecure=False, origins=["https://Desk.example:8443"])
    assert access.allows_origin(origin, host) is allowed


@pytest.mark.parametrize("token", [None, TOKEN])
def test_page_of_the_server_may_connect_over_the_network_and_pages_from_other_ports_may_not(
    token: str | None,
) -> None:
    access = make_access("0.0.0.0", token, insecure=True)
    assert access.allows_origin("http://192.168.1.5:8765", "192.168.1.5:8765")
    assert access.allows_origin("http://localhost:8765", "localhost:8765")
    assert not access.allows_origin("http://localhost:3000", "192.168.1.5:8765")
    assert not access.allows_origin("http://192.168.1.5:3000", "192.168.1.5:8765")
    assert not access.allows_origin("http://192.168.1.5:8765", None)


def test_page_of_the_server_may_connect_under_any_host_name_if_a_token_is_set() -> None:
    for origin, host in (
        ("http://stage.local:8765", "stage.local:8765"),
        ("https://stage.example", "Stage.Example"),
    ):
        assert Access(TOKEN).allows_origin(origin, host)
        assert not Access().allows_origin(origin, host)
    assert not Access(TOKEN).allows_origin("https://stage.example", "stage.example:8443")
    assert not Access(TOKEN).allows_origin("https://evil.example", "stage.example")


def test_pages_opened_from_a_file_may_connect_if_null_origin_is_allowed() -> None:
    access = make_access("127.0.0.1", None, insecure=False, origins=["null"])
    assert access.allows_origin("null", "127.0.0.1:8765")


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.5"])
def test_page_from_a_file_may_connect_only_with_a_token_or_if_allowed(
    host: str, token: str | None
) -> None:
    assert Access(token, host=host).allows_origin("null", f"{host}:8765") is (token is not None)
    assert Access(token, ["null"], host).allows_origin("null", f"{host}:8765")


def test_pages_from_files_cannot_be_allowed_without_a_token_if_other_machines_can_connect() -> None:
    with pytest.raises(SinkError, match=r"--allow-origin null .* any website .* DANCETYPE_TOKEN"):
        make_access("0.0.0.0", None, insecure=True, origins=["null"])
    assert make_access("0.0.0.0", TOKEN, insecure=False, origins=["null"]).token_needed
    assert not make_access("127.0.0.1", None, insecure=False, origins=["null"]).token_needed
