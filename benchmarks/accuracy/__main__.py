"""Measures how true the product is, and writes `docs/accuracy.md` with its figures.

Jobs run one after the other, and each leaves RUNS/<job>.json behind. What is there already is not
done again, so that two processes can take different jobs, and whatever broke off goes on. From
nothing, the trainings take hours on two cores; where their networks are there, it takes minutes.

Usage: python -m benchmarks.accuracy --data AIST --tracks TRACKS [--rendered DIR] --runs DIR
           [--videos DIR] [--only JOB ...] [--again] [--list]

A job may be named by a pattern: `--only 'ladder-*' page`.
"""

import argparse
import sys
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from benchmarks.accuracy import ablation, compare, doubt, ladder, robustness, steady, unseen
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.place import Job, Place, PlaceError, perform
from dancetype.engine.errors import ExpectedError

DOCS = Path(__file__).parents[2] / "docs"


def all_jobs() -> list[Job]:
    """In the order in which they can run."""
    modules = (unseen, robustness, ladder, ablation, compare, doubt, steady)
    return [job for module in modules for job in module.jobs()]


def chosen(names: list[str], patterns: list[str]) -> list[str]:
    """Names that a pattern asks for, in their order; all where there is no pattern.

    Raises:
        ValueError: a pattern that fits nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"no job {pattern!r}; there are {', '.join(names)}")
    return [n for n in names if not patterns or any(fnmatchcase(n, p) for p in patterns)]


def arguments(text: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = partial(parser.add_argument, type=Path)
    folder("--data", required=True, help="AIST++ as its download lays it out")
    folder("--tracks", required=True, help="tracks of real clips, never trained on")
    folder("--rendered", help="tracks of rendered clips, by `dancetype synth`")
    folder("--videos", help="folder with kicks.mp4")
    folder("--runs", default=Path("runs/accuracy"), help="where results and networks go")
    folder("--docs", default=DOCS, help="where accuracy.md goes")
    parser.add_argument("--recipe", default="live", help="what is shipped: a name or a .toml file")
    parser.add_argument("--steps", type=int, default=1000, help="of each small training")
    parser.add_argument("--graph-steps", type=int, default=2500, help="of each ST-GCN++")
    parser.add_argument("--only", nargs="+", default=[], metavar="JOB", help="names or patterns")
    parser.add_argument("--again", action="store_true", help="even where a result is there")
    parser.add_argument("--list", action="store_true", help="say what there is to do, and end")
    return parser.parse_args(text)


def main(text: list[str] | None = None) -> int:
    args = arguments(text)
    place = Place(
        data=args.data,
        tracks=args.tracks,
        rendered=args.rendered,
        videos=args.videos,
        runs=args.runs,
        recipe=args.recipe,
        steps=args.steps,
        graph_steps=args.graph_steps,
    )
    jobs = {job.name: job for job in all_jobs()}
    try:
        names = chosen([*jobs, "page"], args.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if args.list:
        for name in names:
            done = "done" if place.result(name) is not None else "-"
            print(f"{name:24} {done:5} {jobs[name].about if name in jobs else 'writes the page'}")
        return 0
    well = True
    for name in names:
        if name == "page":
            print(f"page: {write_page(place, args.docs)}", file=sys.stderr)
            continue
        try:
            well &= perform(jobs[name], place, again=args.again, say=_say)
        except PlaceError as error:
            _say(f"{name}: left out: {error}")
        except ExpectedError as error:
            _say(f"{name}: {error}")
            well = False
    return 0 if well else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
