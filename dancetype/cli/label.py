"""`dancetype label`: classify an archive of clips into one table."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.engine.progress import ProgressLines, print_status
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from dancetype.engine.contract import Contract
    from dancetype.stream.offline.archive.labelling import Archive
    from dancetype.stream.offline.archive.table import Row, TableWriter


@with_settings
def label(
    settings: Settings,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of videos, searched recursively.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE.parquet", help="Table to write, or to continue.")
    ],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001",
            help="Ray cluster to run on, with DIR at the same path on each machine (default: this "
            "machine only).",
        ),
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Retry clips that failed before.")
    ] = False,
) -> None:
    """Classify a folder of videos into one Parquet table.

    For archives that take hours: each result is saved immediately. After an interruption, the same
    command classifies only clips that are new, changed, or labelled with other models or settings.
    """
    if out.suffix.lower() != ".parquet":
        raise SettingsError(f"--out: the file name {out} must end in .parquet")
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder; give the folder with the videos")
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.app import estimator_factory
        from dancetype.engine.classifier import Classifier
        from dancetype.stream.offline.archive.labelling import scan_archive
        from dancetype.stream.offline.archive.table import TableWriter, is_done

        archive = scan_archive(folder)
        # An archive that is not mounted must not empty the table.
        if not archive.files:
            raise ExpectedError(archive.faults[0])
        for fault in archive.faults:
            print_status(fault)
        # Report an unusable model here, rather than on all machines.
        contract = Classifier(settings.model, device="cpu").contract
        estimator_factory(settings)
        models = _model_columns(settings, contract)
        stamps = {name: {**stamp, **models} for name, stamp in archive.stamps.items()}
        with TableWriter(out) as table:
            pending = [
                name
                for name, stamp in stamps.items()
                if not is_done(table.rows.get(name), stamp, retry_errors=retry_errors)
            ]
            if pending:
                program = version("dancetype")
                stamps = {name: {**stamps[name], "version": program} for name in pending}
                _label(archive, stamps, table, contract, settings, address)
            # Clips in a folder that cannot be read now may still exist.
            unreadable = sorted(table.rows.keys() - archive.files) if archive.faults else []
            names = [*archive.files, *unreadable]
            table.finish(names, contract.genres)
            errors = sum(table.rows[name]["error"] is not None for name in names)
    summary = f"{out}: {len(names)} clips, {errors} with errors, {len(pending)} labelled now"
    Console().print(Text(summary), soft_wrap=True)


def _label(
    archive: "Archive",
    stamps: "Mapping[str, Row]",
    table: "TableWriter",
    contract: "Contract",
    settings: Settings,
    address: str | None,
) -> None:
    """Classify the clips in `stamps`, and append their rows to the table."""
    from dancetype.app import clip_settings, clip_worker
    from dancetype.stream.offline.archive.labelling import label_clips
    from dancetype.stream.offline.archive.table import make_row
    from dancetype.stream.ray_cluster import connect_ray

    open_worker = partial(clip_worker, clip_settings(settings), threads=1)
    progress = LabelProgress(len(stamps), clock=time.monotonic)
    console = Console(stderr=True)
    try:
        print_status(f"{len(stamps)} of {len(archive.files)} clips to label; starting Ray")
        with (
            connect_ray(address) as ray,
            ProgressLines(console, clock=time.monotonic) as lines,
        ):
            for name, result in label_clips(ray, archive, list(stamps), open_worker):
                table.append(make_row(result, contract, stamps[name]))
                progress.add(failed="error" in result)
                lines.show([progress.line()])
    except BaseException:
        print_status(
            f"{progress.done} of {len(stamps)} clips are saved; run the same command to continue"
        )
        raise


def _model_columns(settings: Settings, contract: "Contract") -> "Row":
    from dancetype.engine.classifier import SHIPPED

    model = settings.model or SHIPPED
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    pose = settings.pose_model.name if settings.pose_model else settings.variant
    fps = f" at {settings.fixed_pose_fps:g} a second" if settings.fixed_pose_fps else ""
    changes = {key: value for key, value in asdict(settings.clip_transform).items() if value}
    return {
        "model": f"{contract.recipe} {digest}",
        "pose": f"{pose} by {settings.pose_runtime}{fps}"
        + "".join(f", {key}={value}" for key, value in changes.items()),
    }


class LabelProgress:
    """Progress of labelling, with an estimate of the remaining time.

    Args:
        total: Number of clips to label.
        clock: Clock in seconds.
    """

    def __init__(self, total: int, *, clock: Callable[[], float]) -> None:
        self.done = 0
        self._errors = 0
        self._total = total
        self._clock = clock
        self._start = clock()

    def add(self, *, failed: bool) -> None:
        """Count a clip; the rate is measured from the first one, when all models are loaded."""
        if not self.done:
            self._start = self._clock()
        self.done += 1
        self._errors += failed

    def line(self) -> str:
        """Return the progress in one line."""
        text = f"{self.done} of {self._total} clips, {self._errors} with errors"
        seconds = self._clock() - self._start
        if self.done < 2 or seconds <= 0:
            return text
        rate = (self.done - 1) / seconds
        minutes = (self._total - self.done) / rate / 60
        return f"{text}; {rate:.3g} per second, {minutes:.0f} min left"
