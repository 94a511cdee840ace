"""Measure the accuracy of the predictions and write docs/explanation/accuracy.md.

Jobs run one after the other, and each writes RUNS/<job>.json. A job whose result exists is skipped,
so an interrupted run continues, and several processes can share the jobs. The trainings take hours
on two cores; if their networks exist, everything else takes minutes.

--only accepts names and patterns: `--only 'ladder-*' page`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from benchmarks.accuracy import (
    ablation,
    answers,
    compare,
    decision,
    doubt,
    ladder,
    rejection,
    robustness,
    steady,
    teachers,
    unseen,
)
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.workspace import Job, MissingDataError, Workspace, print_progress, run_job
from benchmarks.pages import DOCS
from dancetype.engine.errors import ExpectedError, SettingsError


def all_jobs() -> list[Job]:
    """Return all jobs in the order in which they can run."""
    modules = (
        *(unseen, answers, decision, robustness, ladder, ablation, rejection),
        *(teachers, compare, doubt, steady),
    )
    return [job for module in modules for job in module.jobs()]


def select_jobs(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match any pattern, in their order; all names without patterns.

    Raises:
        SettingsError: A pattern matches no name.
    """
    patterns = patterns or ["*"]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise SettingsError(f"no job matches {pattern!r}; jobs: {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def add_options(parser: argparse.ArgumentParser) -> None:
    folder = partial(parser.add_argument, type=Path)
    folder("--data", required=True, help="AIST++ folder, with the layout of the download")
    folder("--tracks", required=True, help="folder of tracks of real clips, used for tests only")
    folder("--rendered", nargs="+", default=[], help="folders of tracks of `dancetype synth`")
    folder("--negatives", help="folder of captured motion of people who do not dance")
    folder("--nondance", help="folder of tracks of real people without dance, used for tests only")
    folder("--videos", help="folder with kicks.mp4")
    folder("--runs", default=Path("runs/accuracy"), help="folder for results and networks")
    folder("--docs", default=DOCS / "explanation", help="folder for accuracy.md")
    parser.add_argument("--recipe", default="live", help="recipe of the live model: name or file")
    parser.add_argument("--steps", type=int, default=1000, help="batches of each short training")
    parser.add_argument("--graph-steps", type=int, default=2500, help="batches of each ST-GCN++")
    parser.add_argument("--only", nargs="+", default=[], metavar="JOB", help="names or patterns")
    parser.add_argument("--again", action="store_true", help="repeat jobs that have a result")
    parser.add_argument("--list", action="store_true", help="list the jobs and exit")


def run(args: argparse.Namespace) -> int:
    """Run the selected jobs; return the exit code."""
    settings = {field.name: getattr(args, field.name) for field in fields(Workspace)}
    workspace = Workspace(**settings | {"rendered": tuple(args.rendered)})
    jobs = {job.name: job for job in all_jobs()}
    names = select_jobs([*jobs, "page"], args.only)
    if args.list:
        for name in names:
            done = "done" if workspace.result(name) is not None else "-"
            description = jobs[name].description if name in jobs else "writes the page"
            print(f"{name:24} {done:5} {description}")
        return 0
    succeeded = True
    for name in names:
        try:
            if name == "page":
                print_progress(f"page: {write_page(workspace, args.docs)}")
            else:
                succeeded &= run_job(jobs[name], workspace, again=args.again)
        except MissingDataError as error:
            print_progress(f"{name}: skipped: {error}")
        except ExpectedError as error:
            print_progress(f"{name}: {error}")
            succeeded = False
    return 0 if succeeded else 1
