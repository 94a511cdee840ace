"""Report on rendered tracks: a contact sheet, and their pose errors compared with real tracks."""

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
from dancetype.training.augment.pose_errors import AXES, TrackPair, measure, pair_with_truth
from dancetype.training.data.aist import read_sequence

_TILE: Final = 320  # pixels
_COLUMNS: Final = 6
_MAX_TILES: Final = 36


def contact_sheet(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return an image (H, W, 3) with a tile for each of the first images."""
    tiles = [_tile(image) for image in images[:_MAX_TILES]]
    tiles += [_tile(np.zeros((1, 1, 3), np.uint8))] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _tile(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    tile = np.full((_TILE, _TILE, 3), 32, np.uint8)
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def pair_tracks(
    tracks: Sequence[Track], data: Path, *, on_drop: Callable[[str], None] = lambda line: None
) -> list[TrackPair]:
    """Pair tracks with their AIST++ sequences; skip tracks that are not of a sequence.

    Args:
        tracks: Tracks of any kind.
        data: AIST++ folder.
        on_drop: Callback with a line for each track whose sequence cannot be used.
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
        samples: Folder with one image each of some clips.
        tracks: Rendered tracks.
        data: AIST++ folder; if None, no errors are measured.
        paired: Real tracks of known sequences, for comparison.
        failed: Line for each clip that could not be rendered.
        on_drop: Callback with a line for each track whose sequence cannot be used.
    """
    images = [cv2.imread(str(path)) for path in sorted(samples.glob("*.jpg"))]
    readable = [np.asarray(image, np.uint8) for image in images if image is not None]
    if readable:
        cv2.imwrite(str(out / "contact.png"), contact_sheet(readable))
    detected = np.concatenate([np.isfinite(track.world[:, 0, 0]) for track in tracks])
    report: dict[str, Any] = {
        "tracks": len(tracks),
        "minutes": round(sum(float(track.times[-1]) for track in tracks) / 60, 1),
        "detection": round(float(detected.mean()), 4),
        "genres": dict(sorted(Counter(track.genre for track in tracks).items())),
        "dancers": dict(sorted(Counter(track.dancer or "-" for track in tracks).items())),
        "failed": list(failed),
    }
    for name, measured_tracks in (("rendered", tracks), ("real", paired)):
        pairs = [] if data is None else pair_tracks(measured_tracks, data, on_drop=on_drop)
        report[name] = asdict(measure(pairs)) if pairs else None
    text = json.dumps(report, indent=1) + "\n"
    (out / "report.json").write_text(text, encoding="utf-8")
    (out / "report.md").write_text(_markdown(report), encoding="utf-8")
    return report


def _markdown(report: dict[str, Any]) -> str:
    lines = [
        "# Rendered tracks",
        "",
        f"{report['tracks']} tracks, {report['minutes']} minutes; a person was detected in "
        f"{report['detection']:.1%} of the frames.",
        "",
        "Tracks per genre: "
        + ", ".join(f"{name} {count}" for name, count in report["genres"].items())
        + ".",
    ]
    if report["failed"]:
        lines += ["", f"{len(report['failed'])} clips could not be rendered:", ""]
        lines += [f"- {line}" for line in report["failed"]]
    sets = {name: report[name] for name in ("rendered", "real") if report[name] is not None}
    if sets:
        lines += ["", "## Errors", "", *_error_table(sets)]
        lines += ["", "## Errors by joint", "", *_joint_table(sets)]
    return "\n".join(lines) + "\n"


def _error_table(sets: dict[str, dict[str, Any]]) -> list[str]:
    axes = ", ".join(AXES)
    rows = {
        "clips": "{clips}",
        "frames in which a person was detected": "{detection:.1%}",
        "mean error, hip-centred (cm)": "{hip_centred:.1f}",
        "mean error after the best translation, rotation and scaling (cm)": "{aligned:.1f}",
        f"rms along {axes} (cm)": "{rms}",
        f"jitter along {axes} (cm)": "{jitter}",
        f"ratio to the true acceleration over 0.1 s, {axes}, total": "{acceleration}",
    }
    formatted = [
        {name: _format_values(v) if isinstance(v, list) else v for name, v in errors.items()}
        for errors in sets.values()
    ]
    cells = [
        [name, *(template.format(**errors) for errors in formatted)]
        for name, template in rows.items()
    ]
    return _table(["", *sets], cells)


def _joint_table(sets: dict[str, dict[str, Any]]) -> list[str]:
    header = ["joint", *(f"{name}, {statistic}" for statistic in ("mean", "rms") for name in sets)]
    cells = [
        [joint.replace("_", " ")]
        + [
            _format_values(errors[key][joint])
            for key in ("bias", "spread")
            for errors in sets.values()
        ]
        for joint in JOINTS
    ]
    return [
        "Mean error, and rms about the mean of each clip, in cm to the right of the image, up and "
        "towards the camera.",
        "",
        *_table(header, cells),
    ]


def _format_values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
