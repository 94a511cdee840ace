"""Whether what users read holds together: the site builds, and links lead somewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; strict, so that each page and anchor linked to in `docs` is there."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Fetched(HTMLParser):
    """What a page has the browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("href") if tag == "link" else given.get("src")
        if address and given.get("rel") != "canonical":
            self.addresses.append(address)


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked to by, as repository sites make it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"`|\[|\]\(.*?\)", "", heading)).lower().replace(" ", "-")
        for heading in headings
    }


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    linked_files = site / "files"  # the product's own pages, which the site only links to
    pages = [page for page in site.rglob("*.html") if linked_files not in page.parents]
    assert {"index.html", "model-card.html", "examples.html"} <= {page.name for page in pages}
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text())
        assert fetched.addresses
        assert not [each for each in fetched.addresses if "//" in each], page.name


@pytest.mark.parametrize("page", ["README.md", "examples/README.md", "engine/models/README.md"])
def test_each_link_of_a_page_outside_the_site_leads_somewhere(page: str) -> None:
    links = [link for link in LINK.findall((ROOT / page).read_text()) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
