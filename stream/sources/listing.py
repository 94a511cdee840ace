"""Sources as a user lists them: names and URIs in flags, environment variables and files."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.names import check_name, unused_name
from dancetype.stream.sources.uri import SourceUri, is_uri, parse_uri


def parse_sources(value: Any) -> dict[str, SourceUri]:
    """Parse the sources that a user has listed; return them by name.

    Args:
        value: `name=URI` or a bare URI, a list or JSON list of these, or a table of names and URIs.
            A bare URI gets a name that describes it.

    Raises:
        ValueError: The value has another form, or two sources have the same name.
        SourceError: A URI is invalid.
    """
    pairs = _name_uri_pairs(value)
    used_names: set[str] = set()
    for name, _ in pairs:
        if name in used_names:
            raise ValueError(f"two sources have the name {name!r}; use a different name for each")
        if name:
            used_names.add(name)
    sources: dict[str, SourceUri] = {}
    for name, text in pairs:
        uri = _parse_uri_of(name, text)
        source_name = name or unused_name(uri.short_name, used_names)
        used_names.add(source_name)
        sources[source_name] = uri
    return sources


def _name_uri_pairs(value: Any) -> list[tuple[str | None, str]]:
    """Return pairs of a name and a URI; the name of a bare URI is None."""
    pairs: list[tuple[str | None, Any]]
    if isinstance(value, Mapping):
        pairs = [(check_name(name), uri) for name, uri in value.items()]
    elif isinstance(value, str):
        # An environment variable holds one source, or several as a JSON list.
        is_list = value.lstrip().startswith("[")
        return _name_uri_pairs(from_json(value)) if is_list else [_split_name(value)]
    elif isinstance(value, list | tuple):
        pairs = [_split_name(text) if isinstance(text, str) else (None, text) for text in value]
    else:
        pairs = [(None, value)]
    if not all(isinstance(uri, str) for _, uri in pairs):
        raise ValueError("expected NAME=URI, a list of these, or a table of names and URIs")
    return pairs


def _split_name(text: str) -> tuple[str | None, str]:
    """Split `NAME=URI`; the name is None if `text` is a bare URI."""
    name, equals, uri = text.partition("=")
    return (None, text) if not equals or is_uri(text) else (check_name(name), uri.strip())


def _parse_uri_of(name: str | None, text: str) -> SourceUri:
    try:
        return parse_uri(text)
    except SourceError as error:
        if name is None:
            raise
        raise SourceError(f"the URI of {name!r}: {error}") from None
