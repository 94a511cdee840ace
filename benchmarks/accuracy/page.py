"""Writes the page from results; what has not been measured is said to be so."""

from pathlib import Path

from benchmarks.accuracy import tell_doubt, tell_robustness, tell_training, tell_unseen
from benchmarks.accuracy.measures import calibration_gap, merged, summary
from benchmarks.accuracy.place import Place
from benchmarks.accuracy.telling import both, of, percent, pooled, spread, table

_INTRODUCTION = """\
# Accuracy

How often dancetype is right, about whom, and what makes it wrong. `make accuracy` writes this page;
each figure names its data, its split and the job that makes it again.

**Read this first.** A model that was trained on a person recognises that person. Every figure here
is about people who were not trained on, but where it says otherwise: with two dancers a genre at
hand, one model learned from one of each (`dancers:A`), another from the other (`dancers:B`), and
each is asked about the ten whom it does not know. The shipped file learned from all twenty, so that
it knows twice as many people as the models judged here, and nobody is left here to judge it on.
"""

_MISSING = """\
## What is not measured here

- **The ten dancers of the official test split** (`pose_test`). They are not at hand; all figures
  are of the other twenty.
- **The shipped file on unseen people.** It learned from everybody at hand but those in three real
  clips.
- **Real webcams in real rooms.** The real clips are few and short. Renders and the virtual camera
  stand in for cameras; a section above says how well.
- **Dances and dancers from elsewhere.** All of AIST++ was danced in one studio by people of one
  scene, and basic choreographies are many of its clips.
- **Several people at once**, and somebody half out of the picture.
- **Real people who do not dance**, but for the videos named; the others are made up.
"""

_AGAIN = """\
## Making it again

```sh
make accuracy DATA=aist TRACKS=tracks RENDERED=synth RUNS=runs/accuracy
python -m benchmarks.accuracy --data aist --tracks tracks --rendered synth --only 'ladder-*' page
```

From nothing that trains for many hours on two cores; results and networks are kept in `RUNS`, and
where they are there it takes minutes. `--list` names all jobs, `--only` runs some, so that several
processes can share the work. `TRACKS` holds tracks of real clips, which are never trained on,
`RENDERED` those that `dancetype synth` makes of the training dancers.
"""


def write_page(place: Place, docs: Path) -> Path:
    """Writes `accuracy.md` and its pictures.

    Args:
        place: where the results are; only those are read.
        docs: the folder to write to.

    Returns:
        The page.
    """
    pictures = docs / "accuracy"
    page = docs / "accuracy.md"
    parts = (
        _INTRODUCTION,
        _headline(place),
        tell_unseen.sections(place, pictures),
        tell_training.sections(place, pictures),
        tell_robustness.sections(place, pictures),
        tell_doubt.sections(place, pictures),
        _MISSING,
        _AGAIN,
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return page


def _headline(place: Place) -> str:
    rows = [*_unseen_rows(place), *_quiet_rows(place)]
    if not rows:
        return "Nothing has been measured yet."
    return table(("figure", "", "of", "jobs"), rows)


def _unseen_rows(place: Place) -> list[tuple[str, ...]]:
    ways = both(place, "unseen")
    if not ways:
        return []
    figures = [way["figures"] for way in ways]
    jobs = "`unseen-A unseen-B`"
    windows = sum(f["windows"] for f in figures)
    clips = sum(f["clips"] for f in figures)
    by_situation = [f["by_situation"] for f in figures]
    basic, advanced = (
        percent(of([found[kind] for found in by_situation], "window"))
        for kind in ("basic", "advanced")
    )
    dancers = [dancer["window_accuracy"] for dancer in tell_unseen.dancers(ways)]
    error = calibration_gap(merged([way["reliability"] for way in ways]))
    rows: list[tuple[str, ...]] = [
        ("clips of unseen dancers", f"{percent(of(figures, 'clip'))} %", f"{clips} clips", jobs),
        ("4-second windows", f"{percent(of(figures, 'window'))} %", f"{windows:,} windows", jobs),
        ("of these, basic / advanced", f"{basic} / {advanced} %", "", jobs),
        (
            "windows of one dancer, mean ± sd",
            f"{spread(dancers)} %",
            f"{len(dancers)} dancers",
            jobs,
        ),
        ("calibration error of windows", f"{percent(error)} %", "15 bins", jobs),
    ]
    rendered = [way["rendered"] for way in ways if way["rendered"]]
    if rendered:
        tracks = sum(found["clips"] for found in rendered)
        pieces = sum(found["pieces"] for found in rendered)
        short = pooled((found["piece_accuracy"], found["pieces"]) for found in rendered)
        rows += [
            ("rendered clips", f"{percent(of(rendered, 'clip'))} %", f"{tracks} clips", jobs),
            ("2-second pieces of them", f"{percent(short)} %", f"{pieces:,} pieces", jobs),
        ]
    real = summary(tell_unseen.of_unseen_people(ways))
    if real["clips"]:
        asked = f"{real['clips']} answers about 12 tracks"
        value = f"{real['top_1']} / {real['top_3']}"
        rows.append(("real clips, first / in the first three", value, asked, jobs))
    return rows


def _quiet_rows(place: Place) -> list[tuple[str, ...]]:
    tests = both(place, "doubt")
    if not tests:
        return []
    learned, held_out = (
        percent(tell_doubt.quiet(tests, held_out=held_out)) for held_out in (False, True)
    )
    rows: list[tuple[str, ...]] = [
        (
            'nobody dances: "not sure" or "no person", kinds learned / held out',
            f"{learned} / {held_out} %",
            "of the time",
            "`doubt-A doubt-B`",
        ),
    ]
    return rows + _steady_rows(place)


def _steady_rows(place: Place) -> list[tuple[str, ...]]:
    ways = both(place, "steady")
    if not ways:
        return []
    shipped = tell_doubt.shipped_point(ways)
    if shipped["delay"] is None:
        return []
    value = f"{shipped['changes']:.1f} a minute, after {shipped['delay']:.1f} s"
    return [
        ("changes of mind of one steady dance, and delay", value, "median", "`steady-A steady-B`")
    ]
