import re

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.errors import SettingsError


def page(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["overlay-page", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def url(*arguments: str) -> str:
    (found,) = re.findall(r'const OVERLAY = "(.*)";', page(*arguments))
    return str(found)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ((), "http://127.0.0.1:8765/overlay"),
        (("http://localhost:9000",), "http://localhost:9000/overlay"),
        (("https://stage.example/?theme=neon",), "https://stage.example/overlay?theme=neon"),
        (("http://[::1]:1/overlay?source=a&source=b",), "http://[::1]:1/overlay?source=a&source=b"),
        (("http://x/proxy/overlay#part",), "http://x/proxy/overlay"),
        (("http://x/overlay?source=Bühne 2",), "http://x/overlay?source=B%C3%BChne%202"),
        (("http://x/overlay?token=a%2Bb",), "http://x/overlay?token=a%2Bb"),
    ],
)
def test_page_shows_the_overlay_at_the_address(address: tuple[str, ...], expected: str) -> None:
    assert url(*address) == expected


@pytest.mark.parametrize("text", ['"', "'", "`", "\\", "</script>", "\n", "\u2028", "<!--"])
def test_address_cannot_break_out_of_the_script(text: str) -> None:
    assert re.fullmatch(
        r"http://x/overlay\?source=[\w%/!-]+", url(f"http://x/overlay?source=a{text}a")
    )


def test_page_is_ascii_and_contacts_only_the_server() -> None:
    text = page()
    # A shell that redirects it in another encoding then changes nothing.
    assert text.isascii()
    assert re.findall(r"https?://[^\s\"]+", text) == ["http://127.0.0.1:8765/overlay"]
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8765", "ftp://x/overlay", "http:///overlay", "http://x/status", "http://x:y/", ""],
)
def test_other_address_is_refused_without_showing_its_token(address: str) -> None:
    with pytest.raises(SettingsError, match="not the address of an overlay") as error:
        page(f"{address}?token=secret" if address else "")
    assert "secret" not in str(error.value)
