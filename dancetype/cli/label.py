"""`dancetype label`: the genre of all clips of an archive, in one table."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.stream.progress_lines import ProgressLines
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from dancetype.engine.contract import Contract
    from dancetype.stream.offline.archive.labelling import Archive
    from dancetype.stream.offline.archive.table import Ledger, Row


@with_settings
def label(
    settings: Settings,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of videos, searched recursively.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet", help="Table to write.")],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001",
            help="Ray cluster, with the folder at the same path on each machine (default: this "
            "machine only).",
        ),
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Retry the clips that failed.")
    ] = False,
) -> None:
    """Classify an archive of videos into one table; run again, it continues."""
    if out.suffix.lower() != ".parquet":
        raise SettingsError(f"--out: {out} is not named *.parquet")
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder")
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.app import estimator_maker, say
        from dancetype.engine.classifier import Classifier
        from dancetype.stream.offline.archive.labelling import survey
        from dancetype.stream.offline.archive.table import Ledger, is_done

        archive = survey(folder)
        # Such as where nothing is mounted: it must not cost the table its rows.
        if not archive.files:
            raise ExpectedError(archive.faults[0])
        for fault in archive.faults:
            say(fault)
        # A model that cannot be used is told before all machines try.
        contract = Classifier(settings.model, device="cpu").contract
        estimator_maker(settings)
        looked_at = _looked_at(settings, contract)
        with Ledger(out) as ledger:
            left = [
                name
                for name, stamp in archive.stamps.items()
                if not is_done(
                    ledger.rows.get(name), {**stamp, **looked_at}, retry_errors=retry_errors
                )
            ]
            if left:
                same = {**looked_at, "version": version("dancetype")}
                _look(archive, left, ledger, contract, settings, address=address, same=same)
            # What cannot be looked into now may still be there.
            hidden = sorted(ledger.rows.keys() - archive.files) if archive.faults else []
            rows = [*archive.files, *hidden]
            ledger.finish(rows, contract.genres)
            bad = sum(ledger.rows[name]["error"] is not None for name in rows)
    line = f"{out}: {len(rows)} clips, {bad} with errors, {len(left)} labelled now"
    Console().print(Text(line), soft_wrap=True)


def _look(
    archive: "Archive",
    names: Sequence[str],
    ledger: "Ledger",
    contract: "Contract",
    settings: Settings,
    *,
    address: str | None,
    same: "Row",
) -> None:
    """Has the clips of these names looked at, and the ledger keep what is said of them."""
    from dancetype.app import clip_settings, clip_worker, say
    from dancetype.stream.offline.archive.labelling import label_clips
    from dancetype.stream.offline.archive.table import row_of
    from dancetype.stream.ray_cluster import attached

    worker = partial(clip_worker, clip_settings(settings), threads=1)
    tally = Tally(len(names), clock=time.monotonic)
    console = Console(stderr=True)
    try:
        say(f"{len(names)} of {len(archive.files)} clips to label; starting Ray")
        with (
            attached(address) as ray,
            ProgressLines(console, clock=time.monotonic) as progress,
        ):
            for name, result in label_clips(ray, archive, names, worker):
                ledger.keep(row_of(result, contract.genres, {**archive.stamps[name], **same}))
                tally.add(failed="error" in result)
                progress.show([tally.line()])
    except BaseException:
        say(f"{tally.done} of {len(names)} clips are kept; the same command goes on from there")
        raise


def _looked_at(settings: Settings, contract: "Contract") -> "Row":
    """The columns that say how a clip was looked at."""
    from dancetype.engine.classifier import SHIPPED

    model = settings.model or SHIPPED
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    pose = settings.pose_model.name if settings.pose_model else settings.variant
    fps = f" at {settings.pose_fps:g} a second" if settings.pose_fps else ""
    return {
        "model": f"{contract.recipe} {digest}",
        "pose": f"{pose} by {settings.pose_runtime}{fps}",
    }


class Tally:
    """How far an archive is.

    Args:
        total: clips to label.
        clock: in seconds.
    """

    def __init__(self, total: int, *, clock: Callable[[], float]) -> None:
        self.done = 0
        self._errors = 0
        self._total = total
        self._clock = clock
        self._start = clock()

    def add(self, *, failed: bool) -> None:
        """Counts a clip. Time counts from the first: before, Ray starts and models are loaded."""
        if not self.done:
            self._start = self._clock()
        self.done += 1
        self._errors += failed

    def line(self) -> str:
        """In words."""
        text = f"{self.done} of {self._total} clips, {self._errors} with errors"
        seconds = self._clock() - self._start
        if self.done < 2 or seconds <= 0:
            return text
        pace = (self.done - 1) / seconds
        minutes = (self._total - self.done) / pace / 60
        return f"{text}; {pace:.3g} a second, {minutes:.0f} min to go"
