import logging
import shlex
import subprocess
import sys

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.web.access import Access, access_for, bearer, is_loopback

TOKEN = "correct-horse-battery"
PAGE = "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("host", "alone"),
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
def test_only_loopback_addresses_are_this_machines_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "stage.local"])
def test_where_others_reach_us_a_token_is_needed(host: str) -> None:
    with pytest.raises(SinkError, match=r"DANCETYPE_TOKEN.*--insecure"):
        access_for(host, None, insecure=False)
    assert not access_for(host, TOKEN, insecure=False).open


def test_whoever_insists_goes_without_a_token_and_is_warned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert access_for("0.0.0.0", None, insecure=True).open
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "access_without_token host='0.0.0.0' advice='set DANCETYPE_TOKEN'")
    ]


def test_on_this_machine_alone_no_token_is_needed(caplog: pytest.LogCaptureFixture) -> None:
    assert access_for("127.0.0.1", None, insecure=False).open
    assert caplog.records == []


@pytest.mark.parametrize("token", ["", "fifteen-letters", "sixteen letters!", "sixteen-letters\n"])
def test_a_token_that_is_easily_guessed_or_mangled_is_refused_with_advice(token: str) -> None:
    with pytest.raises(SinkError, match="at least 16") as error:
        access_for("127.0.0.1", token, insecure=False)
    advice = str(error.value).partition("make one with python ")[2]
    made = subprocess.check_output([sys.executable, *shlex.split(advice)], text=True).strip()
    assert access_for("0.0.0.0", made, insecure=False).knows(made)


@pytest.mark.parametrize(
    "origin", ["*", "example.org", "http://example.org/", "http://example.org/page", "http://a b"]
)
def test_an_origin_that_no_browser_writes_is_refused(origin: str) -> None:
    with pytest.raises(SinkError, match="--allow-origin takes http://host:port"):
        access_for("127.0.0.1", None, insecure=False, origins=[origin])


def test_the_token_is_known_and_nothing_like_it() -> None:
    access = Access(TOKEN)
    assert access.knows(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\ud800" * len(TOKEN), "é" * 21):
        assert not access.knows(other)


def test_the_token_is_shown_to_nobody() -> None:
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
def test_a_token_is_read_from_its_header(header: str | None, token: str | None) -> None:
    assert bearer(header) == token
    assert Access(TOKEN).authorises(header) is (token == TOKEN)
    assert Access().authorises(header)


@pytest.mark.parametrize(
    ("host", "served"),
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
def test_without_a_token_we_answer_only_to_our_own_names(host: str | None, served: bool) -> None:
    origins = ("https://desk.example",)
    assert Access(origins=origins, host="stage.local").serves(host) is served
    assert Access(TOKEN, origins, "stage.local").serves(host)


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
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
def test_only_pages_of_this_machine_and_of_allowed_origins_may_connect(
    origin: str | None, host: str, welcome: bool
) -> None:
    access = access_for("127.0.0.1", None, insecure=False, origins=["https://Desk.example:8443"])
    assert access.welcomes(origin, host) is welcome


@pytest.mark.parametrize("token", [None, TOKEN])
def test_where_others_reach_us_our_own_page_may_connect_and_those_of_other_ports_may_not(
    token: str | None,
) -> None:
    access = access_for("0.0.0.0", token, insecure=True)
    assert access.welcomes("http://192.168.1.5:8765", "192.168.1.5:8765")
    assert access.welcomes("http://localhost:8765", "localhost:8765")
    assert not access.welcomes("http://localhost:3000", "192.168.1.5:8765")
    assert not access.welcomes("http://192.168.1.5:3000", "192.168.1.5:8765")
    assert not access.welcomes("http://192.168.1.5:8765", None)


def test_pages_opened_from_a_file_may_connect_once_allowed() -> None:
    access = access_for("127.0.0.1", None, insecure=False, origins=["null"])
    assert access.welcomes("null", "127.0.0.1:8765")
