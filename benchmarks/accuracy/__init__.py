"""Measure how often the product is right, and write docs/explanation/accuracy.md with the figures.

Jobs run one after the other, and each leaves RUNS/<job>.json behind. A job whose result is there is
skipped, so that two processes can take different jobs and an interrupted run continues. From
nothing, the trainings take hours on two cores; where their networks are there, it takes minutes.

A job may be named by a pattern: `--only 'ladder-*' page`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import filter as matching
from functools import partial
from pathlib import Path

from benchmarks.accuracy import ablation, compare, doubt, ladder, robustness, steady, unseen
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.place import Job, Place, PlaceError, perform, say
from benchmarks.pages import DOCS
from dancetype.engine.errors import ExpectedError, SettingsError


def all_jobs() -> list[Job]:
    """Return all jobs in the order in which they can run."""
    modules = (unseen, robustness, ladder, ablation, compare, doubt, steady)
    return [job for module in modules for job in module.jobs()]


def chosen(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match a pattern, in their order; all without patterns.

    Raises:
        SettingsError: A pattern matches nothing.
    """
    found = {pattern: matching(names, pattern) for pattern in patterns or ["*"]}
    for pattern, matches in found.items():
        if not matches:
            raise SettingsError(f"no job {pattern!r}; there are {', '.join(names)}")
    return [name for name in names if any(name in matches for matches in found.values())]


def add_options(parser: argparse.ArgumentParser) -> None:
    folder = partial(parser.add_argument, type=Path)
    folder("--data", required=True, help="AIST++ as its download lays it out")
    folder("--tracks", required=True, help="tracks of real clips, never trained on")
    folder("--rendered", help="tracks of rendered clips, by `dancetype synth`")
    folder("--videos", help="folder with kicks.mp4")
    folder("--runs", default=Path("runs/accuracy"), help="where results and networks go")
    folder("--docs", default=DOCS / "explanation", help="where accuracy.md goes")
    parser.add_argument("--recipe", default="live", help="what is shipped: a name or a .toml file")
    parser.add_argument("--steps", type=int, default=1000, help="of each small training")
    parser.add_argument("--graph-steps", type=int, default=2500, help="of each ST-GCN++")
    parser.add_argument("--only", nargs="+", default=[], metavar="JOB", help="names or patterns")
    parser.add_argument("--again", action="store_true", help="even where a result is there")
    parser.add_argument("--list", action="store_true", help="list the jobs, and end")


def run(args: argparse.Namespace) -> int:
    """Run the jobs that the arguments name; return the exit code."""
    place = Place(**{field.name: getattr(args, field.name) for field in fields(Place)})
    jobs = {job.name: job for job in all_jobs()}
    names = chosen([*jobs, "page"], args.only)
    if args.list:
        for name in names:
            done = "done" if place.result(name) is not None else "-"
            print(f"{name:24} {done:5} {jobs[name].about if name in jobs else 'writes the page'}")
        return 0
    succeeded = True
    for name in names:
        try:
            if name == "page":
                say(f"page: {write_page(place, args.docs)}")
            else:
                succeeded &= perform(jobs[name], place, again=args.again)
        except PlaceError as error:
            say(f"{name}: left out: {error}")
        except ExpectedError as error:
            say(f"{name}: {error}")
            succeeded = False
    return 0 if succeeded else 1
