"""Lets the site show pages, and link to files, that live elsewhere in the repository.

A link is written as it is right in the repository, and is turned here to what it is on the site.
"""

import re
from pathlib import Path
from posixpath import relpath
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[1]
_BORROWED: Final = {
    "engine/models/README.md": "explanation/model-card.md",
    "examples/README.md": "guides/examples.md",
}
# Where files that are no pages go to.
_FILES: Final = "files"
_LINK: Final = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are borrowed."""
    for path, name in _BORROWED.items():
        files.append(File.generated(config, name, abs_src_path=str(_ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links that lead out of the site, or into it from a page that is borrowed."""
    folder = Path(str(page.file.abs_src_path)).parent

    def turned(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if not target.is_file() or not target.is_relative_to(_ROOT):
            return link[0]
        uri = _uri(target.relative_to(_ROOT), config, files)
        return link[1] + relpath(uri, Path(page.file.src_uri).parent.as_posix())

    return _LINK.sub(turned, markdown)


def _uri(path: Path, config: MkDocsConfig, files: Files) -> str:
    """Where a file of the repository is on the site; it is put there if it is not yet."""
    if path.as_posix() in _BORROWED:
        return _BORROWED[path.as_posix()]
    if path.parts[0] == "docs":
        return path.relative_to("docs").as_posix()
    uri = f"{_FILES}/{path.as_posix()}"
    if files.get_file_from_path(uri) is None:
        files.append(File.generated(config, uri, abs_src_path=str(_ROOT / path)))
    return uri
