"""Run a benchmark: `python -m benchmarks NAME [options]`. Without a name, list all benchmarks.

A benchmark saves its results as JSON in build/benchmarks and writes them to its part of a page.
`python -m benchmarks render NAME [FILE]` writes that part from saved results.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from dancetype.engine.errors import ExpectedError

BENCHMARKS: Final = {
    "accuracy": "accuracy of the predictions; writes accuracy.md",
    "browser": "the pages of `dancetype browser` in Chromium; part of browser.md",
    "decoding": "FFmpeg's decoder options: cost, landmarks, answers; part of performance.md",
    "fleet": "many cameras on Ray nodes of this machine; part of fleet.md",
    "gpu": "genre model on the CPU and on CUDA; part of performance.md",
    "label": "`dancetype label` on 1, 2 and 4 Ray nodes; part of fleet.md",
    "offline": "`dancetype classify` on one core and on all; part of performance.md",
    "path": "time of each step from frame to prediction; printed",
    "people": "identities of crossing dancers, and time for several people; printed",
    "performance": "`dancetype run` compared with a plain loop; part of performance.md",
    "pictures": "screenshots of the web pages; writes docs/pictures",
    "pose_noise": "noise of the virtual camera; writes training/augment/mediapipe_full.json",
    "pose_runtimes": "MediaPipe compared with LiteRT; part of performance.md",
    "precision": "genre model in each precision; part of edge.md",
    "rates": "accuracy with fewer poses per second; printed, for performance.md",
    "reliability": "behaviour under every fault; writes reliability.md",
    "soak": "long run under constant faults; printed",
    "variants": "variants of the pose model: cost, landmarks, answers; part of performance.md",
}
"""Subject and output of each benchmark, by the name of its module."""


# A benchmark is a module with an optional function `add_options(parser)` and either
# - the constant PAGE, a function `measure(args)` that returns JSON-ready results, and a template
#   with the name of the module, which is rendered with the results, `conditions` and `machine`.
#   The constant PART names the part of the page if the template is not the whole page.
#   `page_values(results)` is called if the template needs more than the results; or
# - a function `run(args)` that prints its results and returns an exit code or None.


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


def _run(name: str, arguments: Sequence[str]) -> int:
    module = cast(Any, importlib.import_module(f"benchmarks.{name}"))
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if hasattr(module, "add_options"):
        module.add_options(parser)
    if not hasattr(module, "PAGE"):
        return module.run(parser.parse_args(arguments)) or 0
    from benchmarks.pages import RESULTS, conditions, machine, save

    parser.add_argument("--out", type=Path, default=module.PAGE, help="page (default: %(default)s)")
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS / f"{name}.json",
        help="JSON file for the results (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    # Read first, because the benchmark adds to the load of the machine.
    environment = {"conditions": conditions(), "machine": machine()}
    results = save({**environment, **module.measure(args)}, args.results)
    _write_page(name, module, results, args.out)
    return 0


def _render(arguments: Sequence[str]) -> int:
    from benchmarks.pages import RESULTS, load

    parser = argparse.ArgumentParser(prog="python -m benchmarks render")
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("results", type=Path, nargs="?", help="JSON file of an earlier run")
    parser.add_argument("--out", type=Path, help="page (default: the page of the benchmark)")
    args = parser.parse_args(arguments)
    module = cast(Any, importlib.import_module(f"benchmarks.{args.name}"))
    if not hasattr(module, "PAGE"):
        parser.error(f"{args.name} does not write a page")
    results = load(args.results or RESULTS / f"{args.name}.json")
    _write_page(args.name, module, results, args.out or module.PAGE)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark named by the first argument; return the exit code."""
    name, *options = arguments or [""]
    if name not in {*BENCHMARKS, "render"}:
        print(__doc__)
        for benchmark, description in BENCHMARKS.items():
            print(f"  {benchmark:14} {description}")
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
