"""Hypothesis profiles, input strategies and checks that all fuzz tests share."""

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
    # All examples of a test share a folder; each overwrites the file of the last.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "long", parent=settings.get_profile("bounded"), derandomize=False, max_examples=5_000
)

fuzz_test: Final = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "bounded"))
"""Decorator of a fuzz test; `HYPOTHESIS_PROFILE=long` tries more examples, random in each run."""

slow_fuzz_test: Final = settings(fuzz_test, max_examples=fuzz_test.max_examples // 3)
"""Decorator of a fuzz test with slow examples; it tries a third as many."""

example_counts: Final[Counter[str]] = Counter()
"""Number of examples so far, by parser."""

executed: list[str] = []
"""Calls of `run_code`; stays empty unless a parser executes code from its input."""

# Surrogates are included, since they represent invalid UTF-8 in file names and environment
# variables.
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
"""Values of JSON or TOML documents."""


def run_code(*arguments: Any) -> None:
    """Record a call; inputs refer to this function as code that must not be executed."""
    executed.append(repr(arguments))


@contextmanager
def check_parser(
    parser: str, *errors: type[Exception], secret: str | None = None
) -> Iterator[None]:
    """Count an example of `parser`, and accept only the errors that it documents.

    Args:
        parser: Name of the parser in `example_counts`.
        errors: Types of the documented errors.
        secret: Text that an error message must not contain.
    """
    example_counts[parser] += 1
    try:
        yield
    except errors as error:
        text = str(error)
        assert text
        assert secret is None or secret not in text
        expected = isinstance(error, ExpectedError)
        assert text.isprintable() or not expected, "the message must be one printable line"
    assert not executed


def damaged_bytes(content: bytes, offsets: list[int] | None = None) -> st.SearchStrategy[bytes]:
    """Generate `content` with some bytes changed_documents, inserted or removed, or truncated.

    Args:
        content: Valid content.
        offsets: Offsets that may change; all if None.
    """
    offset = st.integers(0, len(content)) if offsets is None else st.sampled_from(offsets)
    change = st.tuples(offset, st.integers(0, 4), st.binary(max_size=4))

    def apply(changes: list[tuple[int, int, bytes]], end: int | None) -> bytes:
        result = content
        for start, removed, new in changes:
            result = result[:start] + new + result[start + removed :]
        return result[:end]

    end = st.none() | st.integers(0, len(content)) if offsets is None else st.none()
    return st.builds(apply, st.lists(change, min_size=1, max_size=4), end)


def changed_documents(valid: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Generate `valid` with up to three values at any depth replaced, removed or added."""
    change = st.tuples(
        st.sampled_from(list(_paths(valid))), st.just(_REMOVED) | values, st.none() | texts
    )
    return st.lists(change, min_size=1, max_size=3).map(lambda changes: _apply(valid, changes))


def toml(document: dict[str, Any]) -> str:
    """Return a JSON document as TOML."""
    return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in document.items())


_REMOVED: Final = object()


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value inside a dictionary or list."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (key,)
        if isinstance(inner, dict | list):
            yield from ((key, *path) for path in _paths(inner))


def _apply(valid: dict[str, Any], changes: list[Any]) -> dict[str, Any]:
    """Return a copy of `valid` with changes: path, new value, and a key to add instead."""
    copy = json.loads(json.dumps(valid))
    for path, value, new_key in changes:
        parent = copy
        for key in path[:-1]:
            exists = isinstance(parent, dict) and key in parent
            exists = exists or (isinstance(parent, list) and key in range(len(parent)))
            parent = parent[key] if exists else {}
        if isinstance(parent, dict):
            key = path[-1] if new_key is None else new_key
            parent[key] = value
            if value is _REMOVED:
                parent.pop(key)
        elif isinstance(parent, list) and value is not _REMOVED:
            parent.append(value)
    return dict(copy)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    # Values that TOML cannot express, such as null, give invalid TOML.
    return json.dumps(value, ensure_ascii=False)
