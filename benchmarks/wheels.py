"""Asks the package index what of dancetype has wheels for Linux on aarch64; see docs/edge.md.

Usage: python -m benchmarks.wheels [--out docs/edge.md]

pip is asked as a Raspberry Pi would ask, for the names of files alone; nothing is installed. It
takes ten minutes. Versions are those of this environment, and the newest of what is not in it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.marked import ROOT, write_part
from dancetype.engine.errors import ExpectedError

PAGE: Final = ROOT / "docs" / "edge.md"
PYTHONS: Final = ("3.11", "3.12")

# glibc from 2.17 on, the oldest first, to that of Debian 12.
_PLATFORMS: Final = ("manylinux2014_aarch64", *(f"manylinux_2_{n}_aarch64" for n in range(17, 37)))
_GLIBC: Final = re.compile(r"manylinux_2_(\d+)_aarch64")
_MISSING: Final = re.compile(r"No matching distribution found for (\S+)")
_HEAD: Final = """\
What the package index has for 64-bit Linux on aarch64, with all that is required in turn. The last
column is the oldest glibc that every wheel runs with; Debian 12 has 2.36. What OpenCV needs besides
is in [system libraries](containers.md#system-libraries).
"""
_ITSELF: Final = "dancetype"


@dataclass(frozen=True)
class Wheel:
    """What the index has.

    Attributes:
        version: of the package.
        glibc: the oldest 2.x it runs with; None where nothing in it is compiled.
        requires: its own requirements, as its metadata has them.
    """

    version: str
    glibc: int | None
    requires: tuple[str, ...] = ()


@dataclass
class Package:
    """A requirement of dancetype or of what it requires.

    Attributes:
        wanted: by whoever requires it first.
        pinned: the same, at the version of this environment.
        parts: of dancetype that want it: names of extras, and "" for dancetype itself.
        wheel: that answers it; None where there is none.
    """

    wanted: str
    pinned: str
    parts: set[str] = field(default_factory=set)
    wheel: Wheel | None = None


# Name, extras of it that are wanted, and the part of dancetype that wants them.
_Wanted = tuple[str, tuple[str, ...], str]

Ask = Callable[[Sequence[str]], Mapping[str, Wheel]]
"""Gives the wheels there are for requirements, by name."""


def applying(
    lines: Iterable[str], extras: Collection[str], python: str
) -> Iterator[tuple[str, Requirement]]:
    """The requirements that count on aarch64, each with the extra that asks for it or "".

    Args:
        lines: requirements, as metadata has them.
        extras: that are wanted.
        python: version.
    """
    environment = {
        "os_name": "posix",
        "platform_machine": "aarch64",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    for requirement in map(Requirement, lines):
        for extra in ("", *extras):
            marker = requirement.marker
            if marker is None or marker.evaluate({**environment, "extra": extra}):
                yield extra, requirement
                break


def closure(
    own: Sequence[str],
    extras: Collection[str],
    *,
    python: str,
    installed: Mapping[str, str],
    ask: Ask,
) -> dict[str, Package]:
    """All that dancetype needs on aarch64, and what that needs in turn, by name.

    Args:
        own: dancetype's requirements, as metadata has them.
        extras: of dancetype, to go through.
        python: version.
        installed: versions to ask for, by name.
        ask: is asked for everything that comes up.
    """
    found: dict[str, Package] = {}
    lines: dict[str, Sequence[str]] = {_ITSELF: own}
    wanted: set[_Wanted] = {(_ITSELF, (part,), part) for part in ("", *extras)}
    known = set(wanted)
    while wanted:
        following: set[_Wanted] = set()
        for name, of, part in sorted(wanted):
            for extra, requirement in applying(lines.get(name, ()), of, python):
                # What an extra of ours wants is told from what we want anyway.
                if name == _ITSELF and extra not in of:
                    continue
                other = canonicalize_name(requirement.name)
                if other != _ITSELF:
                    version = installed.get(other, "")
                    package = found.setdefault(other, _package(requirement, version))
                    package.parts.add(part)
                following.add((other, tuple(sorted(requirement.extras)), part))
        new = sorted(found.keys() - lines.keys())
        wheels = dict(ask([found[name].pinned for name in new]))
        # A version of here may be none for a Python that is a little older.
        wheels |= ask([found[name].wanted for name in new if name not in wheels])
        for name in new:
            found[name].wheel = wheel = wheels.get(name)
            lines[name] = wheel.requires if wheel else ()
        wanted = following - known
        known |= wanted
    return found


def _package(requirement: Requirement, installed: str) -> Package:
    """A requirement as it stands, and at the version that is installed here, if any fits."""
    name = canonicalize_name(requirement.name)
    wanted = f"{name}{requirement.specifier}"
    # A local version, such as PyTorch's +cpu, is on no index.
    version = installed.partition("+")[0]
    fits = version and requirement.specifier.contains(version, prereleases=True)
    return Package(wanted, f"{name}=={version}" if fits else wanted)


def read_report(report: Mapping[str, Any]) -> dict[str, Wheel]:
    """The wheels that pip would install, by name."""
    wheels: dict[str, Wheel] = {}
    for each in report["install"]:
        about, url = each["metadata"], each["download_info"]["url"]
        glibcs = [int(minor) for minor in _GLIBC.findall(url)]
        if "manylinux2014_aarch64" in url:
            glibcs.append(17)
        compiled = not url.endswith("-any.whl")
        wheels[canonicalize_name(about["name"])] = Wheel(
            about["version"],
            min(glibcs) if compiled else None,
            tuple(about.get("requires_dist", ())),
        )
    return wheels


def table(found: Mapping[str, Mapping[str, Package]]) -> str:
    """The part of the page.

    Args:
        found: packages by name, by Python version.
    """
    rows = [_HEAD, "| | packages | compiled | without a wheel | glibc |", "|---|---|---|---|---|"]
    every = [each for packages in found.values() for each in packages.values()]
    for part in sorted(set().union(*(each.parts for each in every))):
        of = [
            [each for each in packages.values() if part in each.parts]
            for packages in found.values()
        ]
        missing = sorted({each.wanted for one in of for each in one if each.wheel is None})
        rows.append(
            f"| `{f'dancetype[{part}]' if part else 'dancetype'}` | {_said(map(len, of))} "
            f"| {_said(len(_glibcs(one)) for one in of)} "
            f"| {', '.join(f'`{name}`' for name in missing) or 'none'} "
            f"| 2.{max(glibc for one in of for glibc in _glibcs(one))} |"
        )
    rows += ["", "| `dancetype`, compiled | version | glibc |", "|---|---|---|"]
    for name in sorted({name for packages in found.values() for name in packages}):
        here = [packages[name] for packages in found.values() if name in packages]
        if "" in set().union(*(each.parts for each in here)) and _glibcs(here):
            versions = _said(each.wheel.version for each in here if each.wheel)
            rows.append(f"| `{name}` | {versions} | {_said(f'2.{n}' for n in _glibcs(here))} |")
    return "\n".join(rows) + "\n"


def _glibcs(packages: Iterable[Package]) -> list[int]:
    """Of those that are compiled."""
    wheels = (each.wheel for each in packages)
    return [each.glibc for each in wheels if each is not None and each.glibc is not None]


def _said(values: Iterable[object]) -> str:
    """One where it is the same for each Python."""
    return " / ".join(map(str, dict.fromkeys(values)))


class Index:
    """The package index that this machine's pip uses, asked for one Python on aarch64.

    Args:
        python: version.
        scratch: an empty folder.
    """

    def __init__(self, python: str, scratch: Path) -> None:
        self._python = python
        self._scratch = scratch
        # An older one would download every wheel to look into it.
        self._run("install", "--quiet", "--target", str(scratch / "pip"), "pip>=24")

    def ask(self, requirements: Sequence[str]) -> Mapping[str, Wheel]:
        """The wheels of these.

        Raises:
            ExpectedError: the index does not answer.
        """
        left = list(requirements)
        report = self._scratch / "report.json"
        options = ("--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", "--quiet")
        platforms = (word for name in _PLATFORMS for word in ("--platform", name))
        target = ("--python-version", self._python, "--implementation", "cp", *platforms)
        while left:
            said = self._run(
                *("install", *options, *target, "--target", str(self._scratch / "none")),
                *("--report", str(report), *left),
            )
            if not said:
                return read_report(json.loads(report.read_text()))
            missing = _MISSING.search(said)
            if missing is None or missing[1] not in left:
                raise ExpectedError(f"pip: {said}")
            left.remove(missing[1])
        return {}

    def _run(self, *words: str) -> str:
        """What pip complains of; nothing where all went well."""
        environment = {**os.environ, "PYTHONPATH": str(self._scratch / "pip")}
        result = subprocess.run(
            (sys.executable, "-m", "pip", *words), capture_output=True, text=True, env=environment
        )
        return result.stderr.strip() if result.returncode else ""


def requirements(project: Mapping[str, Any]) -> list[str]:
    """Those of `[project]` in a pyproject.toml, as metadata would have them."""
    lines = list(project["dependencies"])
    for extra, wanted in project["optional-dependencies"].items():
        for line in wanted:
            text, _, marker = line.partition(";")
            condition = f'extra == "{extra}"' + (f" and ({marker})" if marker else "")
            lines.append(f"{text.strip()} ; {condition}")
    return lines


def main(words: Sequence[str] | None = None) -> None:
    """Asks, and writes the part of the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=PAGE)
    out: Path = parser.parse_args(words).out
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {
        str(canonicalize_name(each.name)): each.version for each in metadata.distributions()
    }
    found = {}
    for python in PYTHONS:
        with tempfile.TemporaryDirectory() as scratch:
            found[python] = closure(
                requirements(project),
                project["optional-dependencies"],
                python=python,
                installed=installed,
                ask=Index(python, Path(scratch)).ask,
            )
    asked = (
        f"\nAsked on {datetime.now(UTC):%Y-%m-%d} for Python {' and '.join(PYTHONS)} by "
        "`python -m benchmarks.wheels`.\n"
    )
    write_part(out, "wheels", table(found) + asked)


if __name__ == "__main__":
    try:
        main()
    except ExpectedError as error:
        sys.exit(f"error: {error}")
