"""Measure how often the product is right, and write docs/accuracy.md with the figures.

Jobs run one after the other, and each leaves RUNS/<job>.json behind. A job whose result is there is
skipped, so that two processes can take different jobs and an interrupted run continues. From
nothing, the trainings take hours on two cores; where their networks are there, it takes minutes.

A job may be named by a pattern: `--only 'ladder-*' page`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from benchmarks.accuracy import ablation, compare, doubt, ladder, robustness, steady, unseen
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.place import Job, Place, PlaceError, perform
from dancetype.engine.errors import ExpectedError

DOCS = Path(__file__).parents[2] / "docs"


def all_jobs() -> list[Job]:
    """Return all jobs in the order in which they can run."""
    modules = (unseen, robustness, ladder, ablation, compare, doubt, steady)
    return [job for module in modules for job in module.jobs()]


def chosen(names: list[str], patterns: list[str]) -> list[str]:
    """Return the names that match a pattern, in their order; all without patterns.

    Raises:
        ValueError: A pattern matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"no job {pattern!r}; there are {', '.join(names)}")
    return [n for n in names if not patterns or any(fnmatchcase(n, p) for p in patterns)]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    parser.add_argument("--list", action="store_true", help="list the jobs, and end")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs that the arguments name; return the exit code."""
    args = _arguments(argv)
    place = Place(**{field.name: getattr(args, field.name) for field in fields(Place)})
    jobs = {job.name: job for job in all_jobs()}
    try:
        names = chosen([*jobs, "page"], args.only)
    except ValueError as error:
        _say(str(error))
        return 2
    if args.list:
        for name in names:
            done = "done" if place.result(name) is not None else "-"
            print(f"{name:24} {done:5} {jobs[name].about if name in jobs else 'writes the page'}")
        return 0
    succeeded = True
    for name in names:
        try:
            if name == "page":
                _say(f"page: {write_page(place, args.docs)}")
            else:
                succeeded &= perform(jobs[name], place, again=args.again, say=_say)
        except PlaceError as error:
            _say(f"{name}: left out: {error}")
        except ExpectedError as error:
            _say(f"{name}: {error}")
            succeeded = False
    return 0 if succeeded else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
