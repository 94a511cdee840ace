"""The documentation site builds, its links work, and generated pages are up to date."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream.settings import load_settings
from tests.examples.script import load_module

ROOT: Final = Path(__file__).parents[2]
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")

reference = load_module(ROOT / "docs" / "generate_reference.py")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; strict, so that a broken link or anchor in `docs` is an error."""
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder


class ResourceParser(HTMLParser):
    """Parser that collects the addresses a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        address = attributes.get("href") if tag == "link" else attributes.get("src")
        if address and attributes.get("rel") != "canonical":
            self.addresses.append(address)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as repository hosts generate them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"`|\[|\]\(.*?\)", "", heading)).lower().replace(" ", "-")
        for heading in headings
    }


def test_pages_fetch_nothing_from_other_hosts(site: Path) -> None:
    linked_files = site / "files"  # the product's own pages, which the site only links to
    pages = [page for page in site.rglob("*.html") if linked_files not in page.parents]
    assert {"index.html", "model-card.html", "examples.html"} <= {page.name for page in pages}
    for page in pages:
        parser = ResourceParser()
        parser.feed(page.read_text())
        assert parser.addresses
        assert not [address for address in parser.addresses if "//" in address], page.name


@pytest.mark.parametrize("page", ["README.md", "examples/README.md", "engine/models/README.md"])
def test_links_of_pages_outside_the_site_work(page: str) -> None:
    links = [link for link in LINK.findall((ROOT / page).read_text()) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", ["cli.md", "configuration.md"])
def test_reference_page_is_up_to_date(name: str) -> None:
    page = ROOT / "docs" / "reference" / name
    assert reference.pages()[page] == page.read_text(), "run python docs/generate_reference.py"


def test_example_settings_file_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "stage.toml").write_text(example)
    assert list(load_settings({}, config=tmp_path / "stage.toml").source) == ["left", "right"]
