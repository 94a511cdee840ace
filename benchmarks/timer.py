"""Time that calls take. Like `path`, it needs no development dependencies."""

from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def timer(
    spent: list[float], call: Callable[_P, _T], clock: Callable[[], float] = perf_counter
) -> Callable[_P, _T]:
    """Return `call`, which appends the seconds that each call takes to `spent`."""

    def timed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        start = clock()
        result = call(*args, **kwargs)
        spent.append(clock() - start)
        return result

    return timed
