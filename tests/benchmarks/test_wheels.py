from collections.abc import Mapping, Sequence

import pytest
from packaging.requirements import Requirement

from benchmarks.wheels import Package, Wheel, closure, read_report, requirements, table

PURE = Wheel("1.0", None)

OWN = requirements(
    {
        "dependencies": [
            "numbers>=1",
            "poses==3; sys_platform != 'linux' or platform_machine == 'x86_64'",
        ],
        "optional-dependencies": {
            "train": ["networks[fast]>=2"],
            "all": ["dancetype[train]", "older; python_version < '3.12'"],
        },
    }
)


def found(python: str, wheels: Mapping[str, Wheel], **installed: str) -> dict[str, Package]:
    def ask(wanted: Sequence[str]) -> Mapping[str, Wheel]:
        named = {Requirement(each).name: Requirement(each) for each in wanted}
        return {
            name: wheel
            for name, wheel in wheels.items()
            if name in named and named[name].specifier.contains(wheel.version)
        }

    return closure(OWN, ["train", "all"], python=python, installed=installed, ask=ask)


WHEELS = {
    "numbers": Wheel("1.5", 17, ("tiny",)),
    "networks": Wheel("2.2", 28, ("quick; extra == 'fast'", "slow; extra == 'slow'")),
    "quick": PURE,
    "tiny": PURE,
    "older": PURE,
}


def test_what_is_needed_is_what_markers_and_extras_ask_for_on_aarch64() -> None:
    packages = found("3.12", WHEELS)
    assert packages.keys() == {"numbers", "networks", "quick", "tiny"}
    assert "older" in found("3.11", WHEELS)


def test_a_package_belongs_to_the_parts_that_lead_to_it() -> None:
    packages = found("3.12", WHEELS)
    assert packages["tiny"].parts == {""}
    assert packages["quick"].parts == {"train", "all"}


def test_a_version_of_here_is_asked_for_first_and_any_other_thereafter() -> None:
    here = found("3.12", {**WHEELS, "numbers": Wheel("1.5", 17)}, numbers="1.5+cpu")["numbers"]
    assert here.pinned == "numbers==1.5"
    other = found("3.12", WHEELS, numbers="1.7")["numbers"]
    assert (other.pinned, other.wheel) == ("numbers==1.7", WHEELS["numbers"])
    assert found("3.12", WHEELS, numbers="0.9")["numbers"].pinned == "numbers>=1"


def test_what_has_no_wheel_is_told() -> None:
    packages = found("3.12", {name: WHEELS[name] for name in ("numbers", "networks")})
    page = table({"3.12": packages})
    assert "| `dancetype` | 2 | 1 | `tiny` | 2.17 |" in page
    assert "| `dancetype[train]` | 2 | 1 | `quick` | 2.28 |" in page
    assert "| `numbers` | 1.5 | 2.17 |" in page
    assert "`networks`" not in page.partition("compiled | version")[2]


@pytest.mark.parametrize(
    ("name", "glibc"),
    [
        ("a-1.0-py3-none-any.whl", None),
        ("a-1.0-cp311-abi3-manylinux_2_28_aarch64.whl", 28),
        ("a-1.0-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl", 17),
        ("a-1.0-cp311-cp311-manylinux_2_26_aarch64.manylinux_2_28_aarch64.whl", 26),
    ],
)
def test_a_wheel_names_the_oldest_glibc_it_runs_with(name: str, glibc: int | None) -> None:
    each = {
        "metadata": {"name": "A", "version": "1.0", "requires_dist": ["b"]},
        "download_info": {"url": f"https://example.org/{name}"},
    }
    assert read_report({"install": [each]}) == {"a": Wheel("1.0", glibc, ("b",))}
