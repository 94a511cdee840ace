"""Run a benchmark: `python -m benchmarks NAME [options]`; without a name, list all of them.

A benchmark measures, keeps its figures as JSON under build/benchmarks and fills its part of a page
with them. `python -m benchmarks render NAME [FILE]` fills that part again from the JSON.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from dancetype.engine.errors import ExpectedError

BENCHMARKS: Final = {
    "accuracy": "how often the product is right; writes accuracy.md",
    "fleet": "a fleet of cameras on Ray nodes of this machine; part of fleet.md",
    "gpu": "the genre model on the processor and on CUDA; part of performance.md",
    "label": "`dancetype label` on 1, 2 and 4 Ray nodes; part of fleet.md",
    "offline": "`dancetype classify` on one core and on all; part of performance.md",
    "path": "each step between a frame and a prediction, in one process; printed",
    "people": "dancers who cross, and several people on a video; printed",
    "performance": "the product beside a plain loop; part of performance.md",
    "pictures": "screenshots of the real pages; writes docs/pictures",
    "pose_noise": "fits the virtual camera's noise; writes training/mediapipe_full.json",
    "pose_runtimes": "MediaPipe and LiteRT; part of performance.md",
    "precision": "the genre model in each precision; part of edge.md",
    "rates": "accuracy with fewer poses a second; printed, for performance.md",
    "reliability": "every fault tried; writes reliability.md",
    "soak": "a long run with faults all the time; printed",
}
"""What each benchmark measures, and where its figures go. The names are those of the modules."""


# A benchmark is a module that may have `add_options(parser)`, and has either
# - PAGE, `measure(args)`, which returns results that JSON can hold, and a template of its name,
#   which gets the results with `conditions` and `machine`; PART if the template is only a part of
#   the page, and `page_values(results)` if it needs more than the results; or
# - `run(args)`, which prints what it finds and returns an exit code or None.


def _write_page(name: str, module: Any, results: Any, page: Path) -> None:
    from benchmarks.pages import render, write_part

    values = module.page_values(results) if hasattr(module, "page_values") else results
    text = render(name, values)
    if hasattr(module, "PART"):
        print(text)
        write_part(page, module.PART, text)
    else:
        page.write_text(text + "\n", encoding="utf-8")
    print(f"written: {page}", file=sys.stderr)


def _run(name: str, words: Sequence[str]) -> int:
    module = cast(Any, importlib.import_module(f"benchmarks.{name}"))
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if hasattr(module, "add_options"):
        module.add_options(parser)
    if not hasattr(module, "PAGE"):
        return module.run(parser.parse_args(words)) or 0
    from benchmarks.pages import RESULTS, conditions, machine, save

    parser.add_argument("--out", type=Path, default=module.PAGE, help="page (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS / f"{name}.json", help="JSON file")
    args = parser.parse_args(words)
    # Before the benchmark itself keeps the machine busy.
    about = {"conditions": conditions(), "machine": machine()}
    results = save({**about, **module.measure(args)}, args.results)
    _write_page(name, module, results, args.out)
    return 0


def _render(words: Sequence[str]) -> int:
    from benchmarks.pages import RESULTS, load

    parser = argparse.ArgumentParser(prog="python -m benchmarks render")
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("results", type=Path, nargs="?", help="JSON file of an earlier run")
    parser.add_argument("--out", type=Path, help="page (default: that of the benchmark)")
    args = parser.parse_args(words)
    module = cast(Any, importlib.import_module(f"benchmarks.{args.name}"))
    if not hasattr(module, "PAGE"):
        parser.error(f"{args.name} keeps no results to render")
    results = load(args.results or RESULTS / f"{args.name}.json")
    _write_page(args.name, module, results, args.out or module.PAGE)
    return 0


def main(words: Sequence[str]) -> int:
    """Run the benchmark that the first word names; return the exit code."""
    name, *options = words or [""]
    if name not in {*BENCHMARKS, "render"}:
        print(__doc__)
        for each, line in BENCHMARKS.items():
            print(f"  {each:14} {line}")
        return 0 if name in {"", "-h", "--help"} else 2
    try:
        if name == "render":
            return _render(options)
        return _run(name, options)
    except (ExpectedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
