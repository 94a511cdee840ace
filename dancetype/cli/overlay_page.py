"""`dancetype overlay-page`: a local page that shows the overlay as soon as the server runs."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, quote, urlsplit

import typer

from dancetype.engine.errors import SettingsError

_DEFAULT: Final = "http://127.0.0.1:8765/overlay"
# Characters of a URL that have no special meaning in a script.
_SAFE: Final = "/:?&=#%@[]!$()*+,;~"


def overlay_page(
    url: Annotated[
        str,
        typer.Argument(
            metavar="[URL]",
            help="Address of the overlay, as copied from the dashboard, "
            f"with its options and token (default: {_DEFAULT}).",
            show_default=False,
        ),
    ] = _DEFAULT,
) -> None:
    r"""Print a local page that waits for the overlay.

    A program such as OBS Studio may open the page before dancetype is started. The page is empty
    then, and looks for dancetype every few seconds. If the URL has a token, so does the page.

    Examples:
        # In OBS, choose this file under "Local file"
        dancetype overlay-page > overlay.html
        # Another theme
        dancetype overlay-page "http://127.0.0.1:8765/overlay?theme=neon" \
            > overlay.html
    """
    import dancetype.stream.web

    template = Path(dancetype.stream.web.__file__).with_name("local_overlay.html")
    page = template.read_text(encoding="utf-8").replace("{{ url }}", _overlay_url(url))
    typer.echo(page, nl=False)


def _overlay_url(url: str) -> str:
    """Return the address of an overlay in a form that can be part of a script.

    Raises:
        SettingsError: It is not the address of an overlay.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
        is_overlay = parts.path in ("", "/") or parts.path.endswith("/overlay")
        valid = bool(host) and parts.scheme in ("http", "https") and is_overlay
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError(
            f"{_without_query(url)!r} is not the address of an overlay: copy it from the "
            f"dashboard, or write {_DEFAULT}?theme=neon, in quotes"
        )
    path = parts.path if parts.path.endswith("/overlay") else "/overlay"
    full = SplitResult(parts.scheme, parts.netloc, path, parts.query, "").geturl()
    return quote(full, safe=_SAFE)


def _without_query(url: str) -> str:
    # It may contain a token.
    return url.partition("?")[0]
