"""`dancetype classify`: the genre of whole video files, as fast as they can be read."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table
from rich.text import Text

from engine.classifier import Classifier
from engine.clip import classify_track
from engine.genres import GENRES
from stream.native_stderr import chatter_dropped
from stream.settings import Settings
from stream.sources.base import SourceError
from stream.verbs.loading import native_libraries, pose_model


def classify(files: list[Path], settings: Settings, *, as_json: bool) -> None:
    """Prints one result a file; a file that cannot be read does not stop the rest.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: one of the files could not be read.
    """
    out, err = Console(), Console(stderr=True)
    results = []
    with chatter_dropped(), native_libraries():
        classifier = Classifier(settings.model, device=settings.device)
        model = pose_model(settings.pose_model, settings.variant)
        with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
            for file in files:
                results.append(_result(file, classifier, model, progress))
                if as_json:
                    text = json.dumps(results[-1], ensure_ascii=False)
                    # A file's name may hold bytes that are no UTF-8; this makes JSON of them too.
                    print(text.encode(errors="backslashreplace").decode(), flush=True)
    if not as_json:
        _print(results, out, err)
    if any("error" in result for result in results):
        sys.exit(1)


def _result(file: Path, classifier: Classifier, model: Path, progress: Progress) -> dict[str, Any]:
    # Seconds to load.
    from engine.pose import PoseEstimator
    from stream.record.recording import Recording, record_file

    recording = Recording()
    task = progress.add_task(escape(file.name), total=None)
    try:
        with PoseEstimator(model) as estimator:
            record_file(
                file,
                recording,
                estimator,
                on_frame=lambda done, total: progress.update(task, completed=done, total=total),
            )
    except SourceError as error:
        return {"file": str(file), "error": str(error)}
    finally:
        progress.remove_task(task)
    track = recording.track(file.stem)
    clip = classify_track(track.times, track.joints, classifier)
    probabilities = zip(classifier.contract.labels, clip.probabilities, strict=True)
    result = {
        "file": str(file),
        "genre": clip.genre,
        "confidence": round(clip.confidence, 4),
        "probabilities": {code: round(float(value), 4) for code, value in probabilities},
        "seconds": round(track.seconds, 3),
        "frames": len(track.times),
        "poses": track.poses,
    }
    if clip.genre is None:
        least = classifier.contract.window.min_seconds
        result["reason"] = f"nobody was in sight for {least:g} s on end"
    return result


def _print(results: list[dict[str, Any]], out: Console, err: Console) -> None:
    table = Table(Column("file", overflow="fold"), "genre", box=SIMPLE)
    for name in ("next", "seconds", "poses"):
        table.add_column(name, no_wrap=True)
    for result in results:
        if "error" in result:
            err.print(Text.assemble(("error: ", "red"), result["error"]), soft_wrap=True)
            continue
        ranked = sorted(result["probabilities"].items(), key=lambda pair: -pair[1])
        named = f"{GENRES.get(result['genre'])} {result['confidence']:.0%}"
        table.add_row(
            Text(result["file"]),
            result.get("reason", named),
            ", ".join(f"{code} {value:.0%}" for code, value in ranked[1:3] if value),
            f"{result['seconds']:.1f}",
            f"{result['poses']}/{result['frames']}",
        )
    if table.row_count:
        out.print(table)
