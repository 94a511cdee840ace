"""Report on rendered tracks: a sheet of pictures, and their pose errors beside real ones."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS
from dancetype.training.augment.pose_errors import AXES, Pair, measure, pair_with_truth
from dancetype.training.data.aist import read_sequence

_TILE: Final = 320  # pixels
_COLUMNS: Final = 6
_LARGEST_SHEET: Final = 36  # pictures


def contact_sheet(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return one picture (H, W, 3) of many, each shrunk to a tile."""
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


def pairs_with_truth(
    tracks: Sequence[Track], data: Path, *, on_drop: Callable[[str], None] = lambda line: None
) -> list[Pair]:
    """Pair tracks with the AIST++ sequences that they show; leave out those without one.

    Args:
        tracks: Tracks of any kind.
        data: AIST++ folder.
        on_drop: Called with a line for each track whose sequence cannot be used.
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
    """Write `contact.png`, `report.json` and `report.md`, and return the report.

    Args:
        out: Folder to write to.
        samples: Folder of pictures.
        tracks: Rendered tracks.
        data: AIST++ folder; without it no errors can be measured.
        paired: Real tracks of known sequences, for comparison.
        failed: One line per clip that could not be rendered.
        on_drop: Called with a line for each track whose sequence cannot be used.
    """
    pictures = [cv2.imread(str(file)) for file in sorted(samples.glob("*.jpg"))]
    whole = [np.asarray(picture, np.uint8) for picture in pictures if picture is not None]
    if whole:
        cv2.imwrite(str(out / "contact.png"), contact_sheet(whole))
    seen = np.concatenate([np.isfinite(track.world[:, 0, 0]) for track in tracks])
    report: dict[str, Any] = {
        "tracks": len(tracks),
        "minutes": round(sum(float(track.times[-1]) for track in tracks) / 60, 1),
        "detection": round(float(seen.mean()), 4),
        "genres": dict(sorted(Counter(track.genre for track in tracks).items())),
        "dancers": dict(sorted(Counter(track.dancer or "-" for track in tracks).items())),
        "failed": list(failed),
    }
    for name, some in (("rendered", tracks), ("real", paired)):
        pairs = [] if data is None else pairs_with_truth(some, data, on_drop=on_drop)
        report[name] = asdict(measure(pairs)) if pairs else None
    text = json.dumps(report, indent=1) + "\n"
    (out / "report.json").write_text(text, encoding="utf-8")
    (out / "report.md").write_text(_markdown(report), encoding="utf-8")
    return report


def _markdown(report: dict[str, Any]) -> str:
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
    axes = ", ".join(AXES)
    rows = {
        "clips": "{clips}",
        "frames in which somebody was found": "{detection:.1%}",
        "mean error, hips on hips (cm)": "{hip_centred:.1f}",
        "mean error after the best shift, turn and size (cm)": "{aligned:.1f}",
        f"rms along {axes} (cm)": "{rms}",
        f"jitter along {axes} (cm)": "{jitter}",
        f"acceleration over 0.1 s against the true one, {axes}, whole": "{acceleration}",
    }
    shown = [
        {name: _values(v) if isinstance(v, list) else v for name, v in one.items()}
        for one in sets.values()
    ]
    cells = [[name, *(form.format(**one) for one in shown)] for name, form in rows.items()]
    return _table(["", *sets], cells)


def _joints(sets: dict[str, dict[str, Any]]) -> list[str]:
    header = ["joint", *(f"{name}, {what}" for what in ("mean", "rms") for name in sets)]
    cells = [
        [joint.replace("_", " ")]
        + [_values(one[what][joint]) for what in ("bias", "spread") for one in sets.values()]
        for joint in JOINTS
    ]
    return [
        "Mean error, and rms about each clip's own mean, in cm to the image's right, up and "
        "towards the camera.",
        "",
        *_table(header, cells),
    ]


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
