"""Copies of the checkout."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]


def copy_tracked_files(folder: Path) -> None:
    """Copy the tracked files and symbolic links of the checkout as they are now to a folder."""
    tracked = subprocess.run(
        ("git", "ls-files", "-z"), cwd=CHECKOUT, check=True, capture_output=True, text=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        if (CHECKOUT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name, follow_symlinks=False)
