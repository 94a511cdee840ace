"""What a rendering came to: a sheet of pictures to look at, and its errors beside real ones."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS
from dancetype.training.augment.pose_errors import AXES, Pair, PoseErrors, measure, pair_with_truth
from dancetype.training.data.aist import read_sequence

_TILE: Final = 320  # pixels
_COLUMNS: Final = 6
_LARGEST_SHEET: Final = 36  # pictures


def contact_sheet(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """One picture (H, W, 3) of many, each shrunk to a tile."""
    tiles = [_tile(picture) for picture in pictures[:_LARGEST_SHEET]]
    tiles += [_tile(np.zeros((1, 1, 3), np.uint8))] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _tile(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    tile = np.full((_TILE, _TILE, 3), 32, np.uint8)
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def save_contact_sheet(samples: Path, path: Path) -> None:
    """Writes the pictures of a folder as one; nothing where there are none."""
    pictures = [cv2.imread(str(file)) for file in sorted(samples.glob("*.jpg"))]
    whole = [np.asarray(picture, np.uint8) for picture in pictures if picture is not None]
    if whole:
        cv2.imwrite(str(path), contact_sheet(whole))


def pairs_with_truth(
    tracks: Sequence[Track], data: Path, *, on_drop: Callable[[str], None] = lambda line: None
) -> list[Pair]:
    """Sets tracks beside the AIST++ sequences they show; leaves out those that cannot be.

    Args:
        tracks: of any kind.
        data: the AIST++ folder.
        on_drop: called with one line for each that is left out though it names its sequence.
    """
    pairs = []
    for track in tracks:
        if not track.sequence or not np.isfinite(track.start):
            continue
        try:
            sequence = read_sequence(data / "keypoints3d" / f"{track.sequence}.pkl")
            pairs.append(pair_with_truth(track, sequence))
        except (FileError, ValueError) as error:
            on_drop(str(error))
    return pairs


def figures(
    tracks: Sequence[Track],
    rendered: PoseErrors | None,
    real: PoseErrors | None,
    failed: Sequence[str],
) -> dict[str, Any]:
    """All that the report says, as JSON has it."""
    seen = np.concatenate([np.isfinite(track.world[:, 0, 0]) for track in tracks])
    return {
        "tracks": len(tracks),
        "minutes": round(sum(float(track.times[-1]) for track in tracks) / 60, 1),
        "detection": round(float(seen.mean()), 4),
        "genres": dict(sorted(Counter(track.genre for track in tracks).items())),
        "dancers": dict(sorted(Counter(track.dancer or "-" for track in tracks).items())),
        "failed": list(failed),
        "rendered": None if rendered is None else rendered.figures(),
        "real": None if real is None else real.figures(),
    }


def write_report(report: dict[str, Any], folder: Path) -> None:
    """Writes `report.json` and `report.md`."""
    text = json.dumps(report, indent=1) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    (folder / "report.md").write_text(markdown(report), encoding="utf-8")


def markdown(report: dict[str, Any]) -> str:
    """The report for people to read."""
    lines = [
        "# Rendered tracks",
        "",
        f"{report['tracks']} tracks, {report['minutes']} minutes; somebody was found in "
        f"{report['detection']:.1%} of the frames.",
        "",
        "Tracks a genre: " + ", ".join(f"{name} {n}" for name, n in report["genres"].items()) + ".",
    ]
    if report["failed"]:
        lines += ["", f"Left out {len(report['failed'])}:", ""]
        lines += [f"- {line}" for line in report["failed"]]
    sets = {name: report[name] for name in ("rendered", "real") if report[name] is not None}
    if sets:
        lines += ["", "## Errors", "", *_errors(sets), "", "## Joint by joint", "", *_joints(sets)]
    return "\n".join(lines) + "\n"


def _errors(sets: dict[str, dict[str, Any]]) -> list[str]:
    rows = {
        "clips": [str(one["clips"]) for one in sets.values()],
        "frames in which somebody was found": [f"{one['detection']:.1%}" for one in sets.values()],
        "mean error, hips on hips (cm)": [f"{one['hip_centred']:.1f}" for one in sets.values()],
        "mean error after the best shift, turn and size (cm)": [
            f"{one['aligned']:.1f}" for one in sets.values()
        ],
        f"rms along {', '.join(AXES)} (cm)": [_values(one["rms"]) for one in sets.values()],
        f"jitter along {', '.join(AXES)} (cm)": [_values(one["jitter"]) for one in sets.values()],
        f"acceleration over 0.1 s against the true one, {', '.join(AXES)}, whole": [
            _values(one["acceleration"]) for one in sets.values()
        ],
    }
    lines = [_row(["", *sets]), _row(["---"] * (len(sets) + 1))]
    return lines + [_row([name, *values]) for name, values in rows.items()]


def _joints(sets: dict[str, dict[str, Any]]) -> list[str]:
    """Bias and spread of each joint."""
    lines = [
        "Mean error, and rms about each clip's own mean, in cm to the image's right, up and "
        "towards the camera.",
        "",
        _row(["joint", *(f"{name}, {what}" for what in ("mean", "rms") for name in sets)]),
        _row(["---"] * (2 * len(sets) + 1)),
    ]
    for joint in JOINTS:
        cells = [_values(one[what][joint]) for what in ("bias", "spread") for one in sets.values()]
        lines.append(_row([joint.replace("_", " "), *cells]))
    return lines


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def summarise(
    out: Path,
    samples: Path,
    tracks: Sequence[Track],
    *,
    data: Path | None,
    paired: Sequence[Track],
    failed: Sequence[str],
    on_drop: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Writes contact sheet and report into a folder and returns the report.

    Args:
        out: the folder.
        samples: folder of pictures.
        tracks: that were rendered.
        data: the AIST++ folder, without which there is no truth.
        paired: real tracks of known sequences; for comparison alone.
        failed: one line a clip that could not be rendered.
        on_drop: called with one line for each track that has no usable truth.
    """
    save_contact_sheet(samples, out / "contact.png")
    rendered, real = (
        [] if data is None else pairs_with_truth(some, data, on_drop=on_drop)
        for some in (tracks, paired)
    )
    report = figures(
        tracks,
        measure(rendered) if rendered else None,
        measure(real) if real else None,
        failed,
    )
    write_report(report, out)
    return report
