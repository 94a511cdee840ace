"""Measure the time of calls, without development dependencies."""

from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def timer(
    durations: list[float], call: Callable[_P, _T], clock: Callable[[], float] = perf_counter
) -> Callable[_P, _T]:
    """Wrap a function so that the duration of each call in seconds is appended to `durations`."""

    def timed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        start = clock()
        result = call(*args, **kwargs)
        durations.append(clock() - start)
        return result

    return timed
