"""What is to be done of an archive: which clips it has, and which of them are labelled."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dancetype.stream.offline.archive.table import Row
from dancetype.stream.offline.files import find_clips


@dataclass(frozen=True, slots=True)
class Archive:
    """The clips of a folder.

    Attributes:
        root: the folder, from the root of the file system on.
        files: by what the table calls each: its path in the folder, in letters of UTF-8.
        stamps: likewise, the columns that change when the file does.
        faults: why there are none in places where there may be some, a line each.
    """

    root: Path
    files: Mapping[str, Path]
    stamps: Mapping[str, Row]
    faults: tuple[str, ...]


def survey(folder: Path) -> Archive:
    """Finds the clips of a folder, and of the folders in it."""
    root = folder.resolve()
    files: dict[str, Path] = {}
    stamps: dict[str, Row] = {}
    faults = []
    for clip in find_clips([root]):
        if clip.fault:
            faults.append(clip.fault)
            continue
        inner = clip.file.relative_to(root)
        name = os.fsencode(inner).decode(errors="backslashreplace")
        try:
            stat = clip.file.stat()
        # It has gone since, or is a link that leads nowhere; whoever opens it says so.
        except OSError:
            size, modified = None, None
        else:
            size, modified = stat.st_size, stat.st_mtime_ns
        files[name] = inner
        stamps[name] = {"file": name, "bytes": size, "modified_ns": modified}
    return Archive(root, files, stamps, tuple(faults))


def is_done(row: Row | None, stamp: Row, *, retry_errors: bool) -> bool:
    """Whether a clip needs no look any more.

    Args:
        row: of an earlier run, if it has one.
        stamp: columns that a row would have which was made now, whatever is in the clip.
        retry_errors: whether what ended in an error is to be looked at again.
    """
    if row is None or (retry_errors and row["error"]):
        return False
    return all(row[column] == value for column, value in stamp.items())
