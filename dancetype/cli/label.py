"""`dancetype label`: the genre of all clips of an archive, in one table."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from dancetype.clip_worker import clip_worker, portable
from dancetype.engine.classifier import SHIPPED, Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import ExpectedError, SettingsError, WorkerError
from dancetype.loading import estimator_maker, native_libraries, say
from dancetype.stream.progress_lines import ProgressLines
from dancetype.stream.settings import Settings
from dancetype.stream.system import chatter_dropped

if TYPE_CHECKING:
    from dancetype.stream.offline.archive.ledger import Ledger
    from dancetype.stream.offline.archive.plan import Archive
    from dancetype.stream.offline.archive.table import Row


def label(
    folder: Path,
    settings: Settings,
    *,
    out: Path,
    address: str | None = None,
    retry_errors: bool = False,
) -> None:
    """Labels the clips of a folder that are not in the table yet, and then writes the table.

    Args:
        folder: of clips, and of folders of them.
        settings: say the models.
        out: the table, a Parquet file.
        address: of a Ray cluster; this machine alone where None.
        retry_errors: whether to try again what ended in an error.

    Raises:
        ExpectedError: it cannot start, or the cluster fails; what is labelled by then is kept.
    """
    if out.suffix.lower() != ".parquet":
        raise SettingsError(f"--out: {out} is not named *.parquet")
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder")
    with chatter_dropped(), native_libraries():
        try:
            from dancetype.stream.offline.archive.ledger import Ledger
            from dancetype.stream.offline.archive.plan import is_done, survey
        except ModuleNotFoundError as error:
            raise ExpectedError(
                f"this needs {error.name}: pip install 'dancetype[fleet]'"
            ) from error

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
    contract: Contract,
    settings: Settings,
    *,
    address: str | None,
    same: "Row",
) -> None:
    """Has the clips of these names looked at, and the ledger keep what is said of them."""
    from dancetype.stream.offline.archive.labelling import labelled
    from dancetype.stream.offline.archive.table import row_of
    from dancetype.stream.ray_cluster import attached

    worker = partial(clip_worker, portable(settings), threads=1)
    tally = Tally(len(names), clock=time.monotonic)
    console = Console(stderr=True)
    try:
        say(f"{len(names)} of {len(archive.files)} clips to label; starting Ray")
        with (
            attached(address) as ray,
            ProgressLines(console, clock=time.monotonic) as progress,
        ):
            for name, result in labelled(ray, archive.root, archive.files, names, worker):
                ledger.keep(row_of(result, contract.genres, {**archive.stamps[name], **same}))
                tally.add(failed="error" in result)
                progress.show([tally.line()])
        if tally.done < len(names):
            raise WorkerError(f"Ray has lost {len(names) - tally.done} clips; run it again")
    except BaseException:
        say(f"{tally.done} of {len(names)} clips are kept; the same command goes on from there")
        raise


def _looked_at(settings: Settings, contract: Contract) -> "Row":
    """The columns that say how a clip was looked at."""
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
