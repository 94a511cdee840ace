"""What clients may say, and how they are told that it was something else."""

from collections.abc import Collection
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dancetype.stream.messages import SourceName

_MOST_PARAMETERS: Final = 100

Sources = Annotated[frozenset[SourceName], Field(max_length=64, strict=False)]


class CloseClient(Exception):  # noqa: N818 - how a conversation ends, and no error of ours
    """A client is to go.

    Attributes:
        code: to close the WebSocket with.
        reason: why, for whoever wrote the client; nothing of what it said.
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
    """Reads what a client says.

    Raises:
        CloseClient: it is not JSON, or nothing that clients say; nothing else is raised.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _shut_out(error) from None


def sources_in(query: str) -> frozenset[str]:
    """The sources that the query of a URL asks for; none for every source.

    Raises:
        ValueError: they are too many or none that can be; the text says which.
    """
    try:
        named: Collection[str] = parse_qs(query, max_num_fields=_MOST_PARAMETERS).get("source", ())
        return _SOURCES.validate_python(named)
    except ValidationError as error:
        raise ValueError(f"source: {_first(error)[2]}") from None


def _shut_out(error: ValidationError) -> CloseClient:
    kind, where, text = _first(error)
    if kind == "json_invalid":
        return CloseClient(1007, "not JSON")
    if kind.startswith(("union_tag", "model_", "dict_")):
        return CloseClient(4400, 'send {"type": "hello", ...} or {"type": "subscribe", ...}')
    if kind == "extra_forbidden":
        return CloseClient(4400, "hello takes token and sources, subscribe takes sources, no more")
    return CloseClient(4400, f"{where}: {text}")


def _first(error: ValidationError) -> tuple[str, str, str]:
    """Kind, field and text of what is wrong first, without what was said instead."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"], str(first["loc"][1] if len(first["loc"]) > 1 else ""), first["msg"]
