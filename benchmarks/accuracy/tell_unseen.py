"""The page about dancers that the model never saw: genres, confusion, confidence, tracks."""

from pathlib import Path

import numpy as np

from benchmarks.accuracy import plots
from benchmarks.accuracy.measures import calibration_gap, merged, summary
from benchmarks.accuracy.place import Place, Result
from benchmarks.accuracy.telling import (
    NOT_MEASURED,
    both,
    made_by,
    of,
    pair,
    percent,
    picture,
    spread,
    table,
)
from dancetype.engine.genres import CODES, GENRES

DATA = "AIST++ motion capture, `dancers:A` to `dancers:B` and back"


def sections(place: Place, pictures: Path) -> str:
    """All of them; pictures are written on the way."""
    ways = both(place, "unseen")
    return "\n\n".join(
        (
            "## Genres and dancers",
            _genres(ways, pictures),
            "## Confusion",
            _confusion(ways, pictures),
            "## Confidence",
            _confidence(ways, pictures),
            "## Real clips",
            _real(ways, place.result("shipped")),
            "## Rendered clips",
            _rendered(ways),
        )
    )


def dancers(ways: list[Result]) -> list[Result]:
    """The accuracies of all twenty dancers, each told by the model that never saw them."""
    return [
        {"dancer": name} | found for way in ways for name, found in sorted(way["by_dancer"].items())
    ]


def of_unseen_people(ways: list[Result]) -> list[Result]:
    """Answers to real tracks by a model that was trained neither on the dancer nor the dance.

    A track of nobody known is asked of both.
    """
    rows = [row for way in ways for row in way["real"]]
    return [row for row in rows if not row["dancer_known"] and not row["performance_known"]]


def _genres(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    everybody = dancers(ways)
    by_genre = [(code, [d for d in everybody if d["genre"] == code]) for code in CODES]
    plots.by_genre(
        pictures / "genres.png", [(GENRES[code], rows) for code, rows in by_genre if rows]
    )
    rows: list[tuple[str, ...]] = [
        (
            f"{GENRES[code]} ({', '.join(d['dancer'] for d in its)})",
            pair([d["clip_accuracy"] for d in its]),
            pair([d["window_accuracy"] for d in its]),
            percent(of(its, "clip")),
            percent(of(its, "window")),
        )
        for code, its in by_genre
        if its
    ]
    rows.append(
        (
            "mean ± sd of dancers",
            "",
            "",
            *(spread([d[f"{what}_accuracy"] for d in everybody]) for what in ("clip", "window")),
        )
    )
    head = ("genre (dancers)", "clips of each, %", "windows of each, %", "clips, %", "windows, %")
    return "\n\n".join(
        (
            "Each of the twenty dancers is judged by the model that learned from the ten others, "
            "one a genre. So a genre's figure is that of two people, taught by one person each: "
            "the spread between dancers is as large as that between genres, and a new dancer may "
            "lie anywhere in it.",
            picture("genres", "accuracy of each dancer by genre"),
            table(head, rows),
            made_by(DATA, "live-A live-B unseen-A unseen-B"),
        )
    )


def _confusion(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    counts = np.sum([way["figures"]["confusion"] for way in ways], axis=0)
    labels = ways[0]["figures"]["labels"]
    plots.confusion(pictures / "confusion.png", counts.tolist(), [GENRES[c] for c in labels])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    worst = np.argsort(shares, axis=None)[::-1][:4]
    told = [
        f"{GENRES[labels[row]]} as {GENRES[labels[column]]} ({percent(shares[row, column])} %)"
        for row, column in zip(*np.unravel_index(worst, shares.shape), strict=True)
    ]
    return "\n\n".join(
        (
            f"Both ways together, {int(counts.sum())} clips. Most often taken for another: "
            f"{', '.join(told)}.",
            picture("confusion", "confusion of clips"),
            made_by(DATA, "unseen-A unseen-B"),
        )
    )


def _confidence(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    tables = {f"{way['trained']} to {way['tested']}": way["reliability"] for way in ways}
    plots.reliability(pictures / "reliability.png", tables)
    gaps = [calibration_gap(way["reliability"]) for way in ways]
    together = calibration_gap(merged([way["reliability"] for way in ways]))
    return "\n\n".join(
        (
            "The temperature of each model was fitted on the *other* model's unseen dancers, not "
            "on those it is tested on here. The expected calibration error of 4-second windows, in "
            f"15 bins of equal width, is {pair(gaps)} % for the two ways and {percent(together)} % "
            "of all windows together.",
            picture("reliability", "how often windows are right by how sure the model is"),
            made_by(DATA, "unseen-A unseen-B"),
        )
    )


def _real(ways: list[Result], shipped: Result | None) -> str:
    if not ways:
        return NOT_MEASURED
    rows = [
        (
            row["name"],
            GENRES[row["genre"]],
            row["dancer"] or "not of AIST",
            way["trained"],
            GENRES.get(row["answer"], "-"),
            str(row["rank"]),
            percent(float(np.exp(row["log_probability"]))),
        )
        for way in ways
        for row in way["real"]
        if not row["dancer_known"]
    ]
    head = ("track", "danced", "dancer", "trained on", "answer", "rank", "probability, %")
    unseen = of_unseen_people(ways)
    groups = {
        "whole tracks, dancer never seen": unseen,
        "2-second pieces of them": [piece for row in unseen for piece in row["pieces"]],
    }
    if shipped:
        groups["the shipped file, whole tracks; it knows nine of the performances"] = shipped[
            "real"
        ]
    return "\n\n".join(
        (
            "Twelve tracks of real cameras through MediaPipe, of which nine show AIST dancers. "
            "Each is judged by the model that saw neither the dancer nor the performance; the "
            "three of nobody known are judged by both. Rank 1 is right; the probability is that "
            "of the right genre. The last row of the second table is no test: the shipped file "
            "learned from those dancers.",
            table(head, rows),
            table(_GROUP_HEAD, [_group(name, found) for name, found in groups.items()]),
            "So few clips tell little: one more or less of fifteen is 7 %.",
            made_by("the real tracks given by `--tracks`", "unseen-A unseen-B shipped"),
        )
    )


_GROUP_HEAD = ("", "clips", "right", "in the first three", "mean log-probability")


def _group(name: str, rows: list[Result]) -> tuple[str, ...]:
    found = summary(rows)
    if not found["clips"]:
        return (name, "0", "-", "-", "-")
    counts = (str(found[key]) for key in ("clips", "top_1", "top_3"))
    return (name, *counts, f"{found['log_probability']:.2f}")


def _rendered(ways: list[Result]) -> str:
    if not ways or any(way["rendered"] is None for way in ways):
        return NOT_MEASURED
    rows = [
        (
            f"{way['trained']} to {way['tested']}",
            str(way["rendered"]["clips"]),
            percent(way["rendered"]["clip_accuracy"]),
            percent(way["rendered"]["window_accuracy"]),
            percent(way["rendered"]["piece_accuracy"]),
            percent(way["rendered"]["ece"]),
        )
        for way in ways
    ]
    head = ("", "clips", "clips, %", "windows, %", "2-second pieces, %", "calibration error, %")
    return "\n\n".join(
        (
            "Bodies posed by the motion of dancers that were not trained on, rendered before an "
            "ordinary camera and seen by MediaPipe.",
            table(head, rows),
            made_by("rendered tracks of the unseen dancers", "unseen-A unseen-B"),
        )
    )
