"""The page about how much is seen, and how well."""

from pathlib import Path

from benchmarks.accuracy import plots
from benchmarks.accuracy.place import Place, Result
from benchmarks.accuracy.plots import Line
from benchmarks.accuracy.robustness import CURVES, EVERY, PIECES_START_EVERY, SECONDS
from benchmarks.accuracy.telling import (
    NOT_MEASURED,
    both,
    made_by,
    percent,
    picture,
    pooled,
    table,
)

_FAULTS = {
    "frame_rate": "frames a second",
    "dropped": "frames dropped, %",
    "noise": "noise, 1 as MediaPipe's",
    "heading": "degrees past the camera",
}
_KINDS = {
    "all": ("accuracy", "pieces"),
    "basic": ("basic", "basic_pieces"),
    "advanced": ("advanced", "advanced_pieces"),
}
_WINDOWS = {
    "all": ("window_accuracy", "windows"),
    "basic": ("basic", "basic_windows"),
    "advanced": ("advanced", "advanced_windows"),
}
"""What is told of a point, and what it is a share of."""


def sections(place: Place, pictures: Path) -> str:
    """All of them; pictures are written on the way."""
    return "\n\n".join(
        (
            "## Seconds seen",
            _seconds(both(place, "seconds"), pictures),
            "## The camera",
            _camera(both(place, "camera"), pictures),
            "## Motion capture, rendered and real bodies",
            _bodies(both(place, "bodies")),
        )
    )


def seconds_lines(ways: list[Result], camera: str) -> dict[str, Line]:
    """Both ways together: all pieces, basic and advanced ones."""
    lines: dict[str, Line] = {}
    for name, (kind, count) in _KINDS.items():
        shares = [
            pooled((way[camera][index][kind], way[camera][index][count]) for way in ways)
            for index in range(len(SECONDS))
        ]
        lines[name] = (SECONDS, shares)
    return lines


def _seconds(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    clear, ordinary = (seconds_lines(ways, camera) for camera in ("clear", "ordinary"))
    plots.seconds(pictures / "seconds.png", clear, ordinary)
    rows = [
        (
            f"{seconds:g}",
            *(_share(lines[name][1][index]) for lines in (clear, ordinary) for name in clear),
        )
        for index, seconds in enumerate(SECONDS)
    ]
    head = ("seconds", "all, %", "basic", "advanced", "ordinary: all, %", "basic", "advanced")
    sequences = sum(way["sequences"] for way in ways)
    pieces = sum(way["clear"][0]["pieces"] for way in ways)
    return "\n\n".join(
        (
            f"The same moments, of which more and more is seen: {pieces} pieces from {sequences} "
            f"sequences of {SECONDS[-1]:g} s or more (every {EVERY}rd of those; a piece starts "
            f"every {PIECES_START_EVERY:g} s). Up to a full window one window is asked, beyond it "
            "the mean of windows half a second apart, as for clips. Where nothing is said, the "
            "model declines to answer from so little.",
            picture("seconds", "accuracy against seconds seen"),
            table(head, rows),
            made_by(
                "AIST++ motion capture of unseen dancers through the virtual camera, both ways",
                "seconds-A seconds-B",
            ),
        )
    )


def _share(share: float | None) -> str:
    return "nothing is said" if share is None else percent(share)


def _camera(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    curves = {label: _lines(ways, fault) for fault, label in _FAULTS.items()}
    plots.camera(pictures / "camera.png", curves)
    rows = [
        (
            label if index == 0 else "",
            f"{amount:g}",
            *(percent(shares[index]) for _, shares in curves[label].values()),
        )
        for label in _FAULTS.values()
        for index, amount in enumerate(curves[label]["all"][0])
    ]
    sequences = sum(way["sequences"] for way in ways)
    return "\n\n".join(
        (
            f"One fault at a time, all others left out; 4-second windows, a second apart, of "
            f"{sequences} sequences (every {EVERY}rd of the unseen dancers). Noise is drawn as "
            "MediaPipe was measured to err on real clips, times the factor given; the heading is "
            "fixed, to the left and to the right by turns.",
            picture("camera", "accuracy against frame rate, dropped frames, noise and heading"),
            table(("fault", "amount", "all, %", "basic, %", "advanced, %"), rows),
            made_by(
                "AIST++ motion capture of unseen dancers through the virtual camera, both ways",
                "camera-A camera-B",
            ),
        )
    )


def _lines(ways: list[Result], fault: str) -> dict[str, Line]:
    factor = 100 if fault == "dropped" else 1
    amounts = [factor * amount for amount in CURVES[fault]]
    lines: dict[str, Line] = {}
    for name, (kind, count) in _WINDOWS.items():
        shares = [
            pooled(
                (way["curves"][fault][index][kind], way["curves"][fault][index][count])
                for way in ways
            )
            for index in range(len(amounts))
        ]
        lines[name] = (amounts, shares)
    return lines


def _bodies(ways: list[Result]) -> str:
    rows = []
    for kind, name in (("rendered", "rendered"), ("real", "real")):
        tested = [way[kind] for way in ways if way[kind]]
        for version in tested[0] if tested else ():
            points = [test[version] for test in tested]
            windows = pooled((p["window_accuracy"], p["windows"]) for p in points)
            clips = pooled((p["clip_accuracy"], p["clips"]) for p in points)
            count = sum(p["clips"] for p in points)
            rows.append((f"{name}: {version}", str(count), percent(clips), percent(windows)))
    if not rows:
        return NOT_MEASURED
    return "\n\n".join(
        (
            "The same stretches of the same dances, three times: the motion capture itself, the "
            "motion capture with the noise that is fitted to MediaPipe, and what MediaPipe saw of "
            "the rendered body or of the real person. Where the second and the third agree, the "
            "noise stands in well for a camera.",
            table(("", "clips", "clips, %", "windows, %"), rows),
            made_by("stretches of unseen dancers that rendered and real tracks show", "'bodies-*'"),
        )
    )
