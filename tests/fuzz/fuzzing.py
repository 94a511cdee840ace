"""What all fuzzers share: how long they run, how they damage things, and what may come out."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dancetype.engine.errors import ExpectedError

settings.register_profile(
    "bounded",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=150,
    # Folders are made once for all examples; each writes its own file over the one before.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "long", parent=settings.get_profile("bounded"), derandomize=False, max_examples=5_000
)

fuzzed: Final = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "bounded"))
"""Decorates a fuzzer; `HYPOTHESIS_PROFILE=long` looks further, and elsewhere each time."""

fuzzed_less: Final = settings(fuzzed, max_examples=fuzzed.max_examples // 3)
"""The same where an example takes its time."""

EXAMPLES: Final[Counter[str]] = Counter()
"""How many each parser was given so far."""

fired: list[str] = []
"""Stays empty unless something calls `fire`."""

# Surrogates too, which is what bytes that are no UTF-8 become in file names and variables.
texts: Final = st.text(st.characters(exclude_categories=()), max_size=40)

values: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31, 2**64, 10**400, 1e308, 5e-324])
    | st.floats()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
"""What JSON or TOML may hold."""


def fire(*arguments: Any) -> None:
    """What no file may get called."""
    fired.append(repr(arguments))


@contextmanager
def only(parser: str, *errors: type[Exception], hiding: str | None = None) -> Iterator[None]:
    """Counts an example of `parser`, and lets out none but the errors that it documents.

    Args:
        parser: what is told of it.
        errors: that it documents.
        hiding: what their text must not show.
    """
    EXAMPLES[parser] += 1
    try:
        yield
    except errors as error:
        text = str(error)
        assert text
        assert hiding is None or hiding not in text
        expected = isinstance(error, ExpectedError)
        assert text.isprintable() or not expected, "it is one line, and fit to be printed"
    assert not fired


def damaged(content: bytes, places: list[int] | None = None) -> st.SearchStrategy[bytes]:
    """`content` with some bytes changed, put in or taken out, or cut short.

    Args:
        content: what is damaged.
        places: where to; anywhere where None.
    """
    place = st.integers(0, len(content)) if places is None else st.sampled_from(places)
    change = st.tuples(place, st.integers(0, 4), st.binary(max_size=4))

    def apply(changes: list[tuple[int, int, bytes]], end: int | None) -> bytes:
        changed = content
        for where, gone, new in changes:
            changed = changed[:where] + new + changed[where + gone :]
        return changed[:end]

    end = st.none() | st.integers(0, len(content)) if places is None else st.none()
    return st.builds(apply, st.lists(change, min_size=1, max_size=4), end)


def changed(valid: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """`valid` with up to three things in it, however deep, replaced, taken out or added."""
    change = st.tuples(
        st.sampled_from(list(_paths(valid))), st.just(_GONE) | values, st.none() | texts
    )
    return st.lists(change, min_size=1, max_size=3).map(lambda changes: _changed(valid, changes))


def toml(document: dict[str, Any]) -> str:
    """A TOML file of what JSON may hold."""
    return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in document.items())


_GONE: Final = object()


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (key,)
        if isinstance(inner, dict | list):
            yield from ((key, *rest) for rest in _paths(inner))


def _changed(valid: dict[str, Any], changes: list[Any]) -> dict[str, Any]:
    copy = json.loads(json.dumps(valid))
    for path, value, added in changes:
        parent = copy
        for key in path[:-1]:
            inside = isinstance(parent, dict) and key in parent
            inside = inside or (isinstance(parent, list) and key in range(len(parent)))
            parent = parent[key] if inside else {}
        if isinstance(parent, dict):
            parent[path[-1] if added is None else added] = value
            if value is _GONE:
                parent.pop(path[-1] if added is None else added)
        elif isinstance(parent, list) and value is not _GONE:
            parent.append(value)
    return dict(copy)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    # What TOML has no word for is not TOML, which is one more way to be wrong.
    return json.dumps(value, ensure_ascii=False)
