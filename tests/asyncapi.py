"""Message schemas in `docs/asyncapi.yaml`, the rest of which is written by hand.

`python -m tests.asyncapi docs/asyncapi.yaml` updates them.
"""

import sys
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import CoreSchema

from dancetype.stream.messages import Heartbeat, PredictionMessage, SourceMessage
from dancetype.stream.web.subscription import Hello, Subscribe

_MODELS: Final[list[tuple[type[BaseModel], JsonSchemaMode]]] = [
    (PredictionMessage, "serialization"),
    (SourceMessage, "serialization"),
    (Heartbeat, "serialization"),
    (Hello, "validation"),
    (Subscribe, "validation"),
]


def schemas() -> dict[str, Any]:
    """Return the JSON schema of each outgoing and incoming message, by name."""
    _, generated = models_json_schema(
        _MODELS, ref_template="#/components/schemas/{model}", schema_generator=_SchemaWithoutTitles
    )
    single_line: dict[str, Any] = _join_lines(generated["$defs"])
    return single_line


class _SchemaWithoutTitles(GenerateJsonSchema):
    """Schema generator that omits titles, which only repeat the names of the fields."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def _join_lines(value: Any) -> Any:
    """Replace line breaks by spaces in all texts in `value`."""
    match value:
        case dict():
            return {key: _join_lines(inner) for key, inner in value.items()}
        case list():
            return [_join_lines(inner) for inner in value]
        case str():
            return " ".join(value.split())
    return value


if __name__ == "__main__":
    file = Path(sys.argv[1])
    document = yaml.safe_load(file.read_text())
    document["components"]["schemas"] = schemas()
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=95))
