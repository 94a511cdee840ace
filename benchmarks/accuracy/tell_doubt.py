"""The page about what is said where nobody dances, and how steady it is where somebody does."""

from pathlib import Path

from benchmarks.accuracy import plots
from benchmarks.accuracy.doubt import EACH, EVERY, SECONDS
from benchmarks.accuracy.place import Place, Result
from benchmarks.accuracy.steady import EVERY as EVERY_DANCE
from benchmarks.accuracy.telling import (
    NOT_MEASURED,
    both,
    made_by,
    pair,
    percent,
    picture,
    pooled,
    table,
)
from dancetype.engine.genres import GENRES


def sections(place: Place, pictures: Path) -> str:
    """All of them; pictures are written on the way."""
    ways = both(place, "doubt")
    return "\n\n".join(
        (
            "## Nobody dances",
            _idle(ways, place.result("doubt-shipped"), pictures),
            "### Videos",
            _videos(place.result("videos")),
            "## Changes of mind",
            _steady(both(place, "steady"), pictures),
        )
    )


def quiet(tests: list[Result], *, held_out: bool) -> float | None:
    """Share of time that nothing is named, of the kinds that were learned from or of the others."""
    kinds = [kind for test in tests for kind in test["kinds"].values()]
    return pooled(
        (kind["quiet"], kind["answers"]) for kind in kinds if kind["held_out"] == held_out
    )


def _idle(ways: list[Result], shipped: Result | None, pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    tests = [*ways, shipped] if shipped else ways
    kinds = [
        (name, not kind["held_out"], [test["kinds"][name]["quiet"] for test in tests])
        for name, kind in ways[0]["kinds"].items()
    ]
    plots.doubt(pictures / "doubt.png", kinds)
    rows = [
        (
            name,
            "learned" if learned else "held out",
            *(percent(share) for share in shares),
            _named(tests, name),
        )
        for name, learned, shares in kinds
    ]
    models = ["live-A, %", "live-B, %", *(["shipped, %"] if shipped else [])]
    still = [way["frozen"]["quiet"] for way in ways]
    danced = [way["dancing"] for way in ways]
    return "\n\n".join(
        (
            f"The share of time that the answer is *not sure* or *no person*: {EACH} made-up "
            f"people of each kind for {SECONDS:g} s, filmed by the virtual camera with MediaPipe's "
            "noise, with the rolling estimate as it is shipped. Of the kinds marked *learned*, "
            "other people were learned from; the rest the model never met. "
            f"All learned kinds: {percent(quiet(ways, held_out=False))} %; all held-out kinds: "
            f"{percent(quiet(ways, held_out=True))} %. Dancers who freeze in a pose of their "
            f"dance: {pair(still)} %.",
            "The other side of it: of unseen people who do dance (every "
            f"{EVERY}th sequence, same camera) a genre is named "
            f"{pair([d['genre'] for d in danced])} % of the time, and it is the right one "
            f"{pair([d['right'] for d in danced])} %.",
            picture("doubt", "share of time that nothing is named, by kind"),
            table(("kind", "", *models, "named most"), rows),
            made_by(
                "made-up people (`training/data/idle.py`), unseen dancers of AIST++",
                "doubt-A doubt-B doubt-shipped",
            ),
        )
    )


def _named(tests: list[Result], name: str) -> str:
    named = {test["kinds"][name]["most_named"] for test in tests} - {None}
    return ", ".join(sorted(GENRES[code] for code in named)) or "-"


_ABOUT = {
    "demo": "the demo's clip: somebody moves, no dance",
    "still": "one frame of it, standing still",
    "noise": "random pixels",
    "kicks": "`kicks.mp4`: one person kicks",
}


def _videos(found: Result | None) -> str:
    if not found:
        return NOT_MEASURED
    rows = []
    for name, result in found.items():
        models = {model: said for model, said in result.items() if model != "seconds"}
        named = {said["most_named"] for said in models.values()} - {None}
        rows.append(
            (
                _ABOUT.get(name, name),
                f"{result['seconds']['value']:.0f}",
                *(percent(said["quiet"]) for said in models.values()),
                ", ".join(sorted(GENRES[code] for code in named)) or "-",
            )
        )
    head = ("video", "seconds", "live-A, %", "live-B, %", "shipped, %", "named most")
    return "\n\n".join(
        (
            "Real frames through MediaPipe; share of time without a genre.",
            table(head, rows),
            made_by("the demo's clip, `kicks.mp4` of `--videos`", "videos"),
        )
    )


def mean_points(ways: list[Result]) -> list[Result]:
    """The figures of each rolling estimate, the mean of both ways; None where either has none."""
    points = []
    for each in zip(*(way["points"] for way in ways), strict=True):
        values = {name: [point["figures"][name] for point in each] for name in each[0]["figures"]}
        means = {n: None if None in v else sum(v) / len(v) for n, v in values.items()}
        points.append({"knobs": each[0]["knobs"]} | means)
    return points


def sooner_or_steadier(points: list[Result]) -> list[Result]:
    """Those of which none other is both sooner and steadier, by delay."""
    kept: list[Result] = []
    for point in sorted(points, key=lambda point: (point["delay"], point["changes"])):
        if not kept or point["changes"] < kept[-1]["changes"]:
            kept.append(point)
    return kept


def shipped_point(ways: list[Result]) -> Result:
    """The figures of the rolling estimate as it is shipped."""
    return next(point for point in mean_points(ways) if point["knobs"] == ways[0]["shipped"])


def _steady(ways: list[Result], pictures: Path) -> str:
    if not ways:
        return NOT_MEASURED
    shown = [point for point in mean_points(ways) if point["delay"] is not None]
    shipped = shipped_point(ways)
    best = sooner_or_steadier(shown)
    curve = "As shipped, most takes never come to the right genre, so that no curve is drawn."
    if shipped["delay"] is not None:
        plots.steadiness(pictures / "steadiness.png", shown, shipped=shipped, best=best)
        curve = picture("steadiness", "changes of mind against delay")
    rows = [_point("**shipped**", shipped), *(_point("", point) for point in best)]
    head = (
        "",
        "memory, enter, leave, margin",
        "changes a minute",
        "delay",
        "after another dance",
        "named, %",
        "of that right, %",
        "nobody dances, %",
    )
    minutes = sum(way["minutes"] for way in ways)
    return "\n\n".join(
        (
            "A rolling estimate that waits longer changes its mind less often. Each dot is one, "
            "with the same answers of the model behind it: changes of mind (a genre other than "
            "the one named last) a minute of one steady dance, against the median seconds from "
            "the first frame until the right genre is named. *After another dance* is the delay "
            "from the moment that a dancer goes over to another genre; *nobody dances* is the "
            "share of time that a genre is named for made-up people of the held-out kinds. "
            f"Measured on {minutes:.0f} minutes of unseen dancers (every {EVERY_DANCE}th sequence, "
            "filmed by the virtual camera with MediaPipe's noise); mean of both ways.",
            curve,
            table(head, rows),
            made_by("AIST++ motion capture of unseen dancers, made-up people", "'steady-*'"),
        )
    )


def _point(name: str, point: Result) -> tuple[str, ...]:
    def number(value: float | None, unit: str = "") -> str:
        return "-" if value is None else f"{value:.1f}{unit}"

    return (
        name,
        ", ".join(f"{value:g}" for value in point["knobs"].values()),
        number(point["changes"]),
        number(point["delay"], " s"),
        number(point["switch_delay"], " s"),
        percent(point["named"]),
        percent(point["right"]),
        percent(point["false_accepts"]),
    )
