"""Pages with measured figures, rendered from JSON results with Jinja templates."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dancetype.engine.errors import ExpectedError
from dancetype.engine.files import atomic_write

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
RESULTS: Final = ROOT / "build" / "benchmarks"

Results = Mapping[str, Any]
"""Results of one benchmark, as read from JSON."""

_CPU_INFO: Final = Path("/proc/cpuinfo")
_VECTOR_FLAGS: Final = (
    *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"),
    *("asimd", "asimddp"),
)


def save(results: Results, file: Path) -> Results:
    """Write results as JSON; return them as read from the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as part:
        part.write_text(json.dumps(results, default=_to_json, indent=1) + "\n", encoding="utf-8")
    return load(file)


def load(file: Path) -> Results:
    try:
        results: Results = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExpectedError(f"{file}: cannot read results: {error}") from error
    return results


def _to_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return np.asarray(value).tolist()


def number(value: float, unit: str = "") -> str:
    """Format a figure with three significant digits."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}" + (f" {unit}" if unit else "")


def share(value: float, digits: int = 1) -> str:
    """Format a ratio as a percentage."""
    return f"{value * 100:.{digits}f} %"


def percentile(values: Sequence[float], rank: float) -> float:
    """Return the percentile of the values at `rank`, from 0 to 100."""
    return float(np.percentile(values, rank))


def cell(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", r"\|")


def render(template: str, results: Results, **filters: Callable[..., Any]) -> str:
    """Render a template of `benchmarks/templates` with results and additional filters."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        filters, number=number, share=share, percentile=percentile, mean=np.mean, cell=cell
    )
    return environment.get_template(f"{template}.md.j2").render(results)


def replace_part(text: str, name: str, part: str) -> str:
    """Replace the part of a page between `<!-- NAME -->` and `<!-- /NAME -->`."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opening, rest = text.partition(start)
    _, closing, after = rest.partition(end)
    if not (opening and closing):
        raise ExpectedError(f"the page has no part between {start} and {end}")
    return f"{before}{start}\n{part.strip()}\n{end}{after}"


def write_part(page: Path, name: str, part: str) -> None:
    if not page.is_file():
        raise ExpectedError(f"{page}: no such page")
    page.write_text(replace_part(page.read_text(encoding="utf-8"), name, part), encoding="utf-8")


def conditions() -> str:
    """Return machine, date and commit, in a form that continues "Measured on"."""
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    models = _cpu_fields("model name")
    return (
        f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'unknown'}"
    )


def machine() -> dict[str, Any]:
    """Return further properties of the machine that affect timings."""
    flags = " ".join(_cpu_fields("flags") + _cpu_fields("features")).split()
    return {
        "architecture": platform.machine(),
        "vectors": [flag for flag in _VECTOR_FLAGS if flag in flags],
        "memory": psutil.virtual_memory().total,
        "system": platform.system(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


def _cpu_fields(name: str) -> list[str]:
    """Return the values of a field of /proc/cpuinfo, one per core."""
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines() if _CPU_INFO.exists() else []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip().lower() == name]
