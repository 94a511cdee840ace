"""`dancetype browser`: static pages that classify dance in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings


@with_settings
def browser(
    settings: Settings,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
) -> None:
    """Write web pages that classify dance in the browser.

    The folder can be put on any web server. A browser that opens it runs the pose model and the
    genre model itself, on a webcam or a chosen video; no image leaves it. The packages
    @mediapipe/tasks-vision and onnxruntime-web are downloaded from the npm registry once.

    Examples:
        # Write the pages, and open http://localhost:8000
        dancetype browser --out site && python -m http.server --directory site
        # Serve them at /try, next to the dashboard
        dancetype run --source 0 --browser-page site
    """
    from dancetype.app import pose_model_file
    from dancetype.engine.progress import print_status
    from dancetype.stream.web.browser.build import build_pages

    files = build_pages(
        out, genre_model=settings.model, pose_model=pose_model_file(settings), report=print_status
    )
    size = sum((out / name).stat().st_size for name in files)
    print(f"{out / 'index.html'}: {len(files)} files, {size / 1e6:.0f} MB")
