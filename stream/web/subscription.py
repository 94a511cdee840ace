"""Requests from WebSocket clients, and close reasons for invalid ones."""

from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dancetype.stream.messages import SourceName

_MAX_PARAMETERS: Final = 100

Sources = Annotated[frozenset[SourceName], Field(max_length=64, strict=False)]


class CloseClient(Exception):  # noqa: N818 - the client is at fault, not this program
    """Raised to close the WebSocket of a client.

    Attributes:
        code: Close code.
        reason: Explanation for the client's developer, without data from the client.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        # A close frame holds at most 123 bytes.
        self.reason = reason.encode()[:123].decode(errors="ignore")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hello(_Request):
    """First message of a client that sends its token here rather than in a header."""

    type: Literal["hello"]
    token: str | None = Field(None, max_length=512, repr=False)
    sources: Sources | None = None
    """As in `Subscribe`; None keeps the sources from the URL."""


class Subscribe(_Request):
    """Request to receive only some sources from now on."""

    type: Literal["subscribe"]
    sources: Sources = frozenset()
    """Names of the sources, which need not exist yet; all sources if empty."""


Request = Hello | Subscribe

_ADAPTER: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])
_SOURCES: Final[TypeAdapter[frozenset[str]]] = TypeAdapter(Sources)


def read_request(text: str) -> Request:
    """Parse a message from a client.

    Raises:
        CloseClient: The message is not JSON or not a valid request. Nothing else is raised.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _close_reason(error) from None


def requested_sources(query: str) -> frozenset[str]:
    """Return the sources that the query of a URL requests; an empty set means all sources.

    Raises:
        ValueError: There are too many sources, or a name is invalid.
    """
    try:
        names = parse_qs(query, max_num_fields=_MAX_PARAMETERS).get("source", [])
        return _SOURCES.validate_python(names)
    except ValidationError as error:
        raise ValueError(f"source: {_first_problem(error)[2]}") from None


def _close_reason(error: ValidationError) -> CloseClient:
    kind, field, text = _first_problem(error)
    if kind == "json_invalid":
        return CloseClient(1007, "not JSON")
    if kind.startswith(("union_tag", "model_", "dict_")):
        return CloseClient(4400, 'send {"type": "hello", ...} or {"type": "subscribe", ...}')
    if kind == "extra_forbidden":
        return CloseClient(4400, "hello takes only token and sources, subscribe takes only sources")
    return CloseClient(4400, f"{field}: {text}")


def _first_problem(error: ValidationError) -> tuple[str, str, str]:
    """Return type, field and text of the first problem, without the input."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"], str(first["loc"][1] if len(first["loc"]) > 1 else ""), first["msg"]
