"""Requests of WebSocket clients, and the reasons for which one is invalid."""

from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dancetype.stream.messages import SourceName

_MAX_PARAMETERS: Final = 100

Sources = Annotated[frozenset[SourceName], Field(max_length=64, strict=False)]


class CloseClient(Exception):  # noqa: N818 - not an error of this program
    """Raised to close a client's WebSocket.

    Attributes:
        code: Close code.
        reason: Reason for the client's developer, without any data of the client.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        # A close frame has no room for more.
        self.reason = reason.encode()[:123].decode(errors="ignore")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hello(_Request):
    """The first message of a client that has to show its token, or could not in a header."""

    type: Literal["hello"]
    token: str | None = Field(None, max_length=512, repr=False)
    sources: Sources | None = None
    """As in `Subscribe`; what the URL asked for where None."""


class Subscribe(_Request):
    """Asks for chosen sources from now on."""

    type: Literal["subscribe"]
    sources: Sources = frozenset()
    """Their names, some of which may only come later; every source where empty."""


Request = Hello | Subscribe

_ADAPTER: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])
_SOURCES: Final[TypeAdapter[frozenset[str]]] = TypeAdapter(Sources)


def read_request(text: str) -> Request:
    """Parse a message of a client.

    Raises:
        CloseClient: It is not JSON, or not a valid request; nothing else is raised.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _close_reason(error) from None


def sources_in(query: str) -> frozenset[str]:
    """Return the sources that the query of a URL asks for; all sources if empty.

    Raises:
        ValueError: There are too many, or a name is invalid.
    """
    try:
        names = parse_qs(query, max_num_fields=_MAX_PARAMETERS).get("source", [])
        return _SOURCES.validate_python(names)
    except ValidationError as error:
        raise ValueError(f"source: {_first(error)[2]}") from None


def _close_reason(error: ValidationError) -> CloseClient:
    kind, where, text = _first(error)
    if kind == "json_invalid":
        return CloseClient(1007, "not JSON")
    if kind.startswith(("union_tag", "model_", "dict_")):
        return CloseClient(4400, 'send {"type": "hello", ...} or {"type": "subscribe", ...}')
    if kind == "extra_forbidden":
        return CloseClient(4400, "hello takes token and sources, subscribe takes sources, no more")
    return CloseClient(4400, f"{where}: {text}")


def _first(error: ValidationError) -> tuple[str, str, str]:
    """Return type, field and text of the first problem, without the input."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"], str(first["loc"][1] if len(first["loc"]) > 1 else ""), first["msg"]
