"""MkDocs hooks: include pages and files from outside `docs/` in the site.

Links in Markdown are valid in the repository, and are rewritten here for the site.
"""

import re
from pathlib import Path
from posixpath import relpath
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[1]
_EXTERNAL_PAGES: Final = {
    "engine/models/README.md": "explanation/model-card.md",
    "examples/README.md": "guides/examples.md",
    "SECURITY.md": "explanation/security.md",
    "CONTRIBUTING.md": "explanation/contributing.md",
}
"""Site path of each page that is outside `docs/`."""
_FILES_FOLDER: Final = "files"
"""Folder of the site for linked files that are not pages."""
_LINK: Final = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the external pages to the site."""
    for path, name in _EXTERNAL_PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(_ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to files outside `docs/`, and all links of external pages."""
    folder = Path(str(page.file.abs_src_path)).parent

    def rewrite(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if not target.is_file() or not target.is_relative_to(_ROOT):
            return link[0]
        uri = _site_path(target.relative_to(_ROOT), config, files)
        return link[1] + relpath(uri, Path(page.file.src_uri).parent.as_posix())

    return _LINK.sub(rewrite, markdown)


def _site_path(path: Path, config: MkDocsConfig, files: Files) -> str:
    """Return the site path of a file in the repository, and add the file if it is missing."""
    if path.as_posix() in _EXTERNAL_PAGES:
        return _EXTERNAL_PAGES[path.as_posix()]
    if path.parts[0] == "docs":
        return path.relative_to("docs").as_posix()
    uri = f"{_FILES_FOLDER}/{path.as_posix()}"
    if uri.endswith(".md"):
        uri += ".txt"  # MkDocs would take it for a page, which it cannot add at this stage.
    if files.get_file_from_path(uri) is None:
        files.append(File.generated(config, uri, abs_src_path=str(_ROOT / path)))
    return uri
