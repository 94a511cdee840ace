"""Settings for turning, mirroring and cropping the images of a source."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast, get_args

from pydantic_core import from_json

from dancetype.engine.media.transform import Crop, Flip

_DEGREES: Final = (0, 90, 180, 270)

_T = TypeVar("_T")


def parse_rotate(value: Any) -> int:
    """Parse clockwise degrees.

    Raises:
        ValueError: The value is not 0, 90, 180 or 270.
    """
    if isinstance(value, bool) or str(value) not in map(str, _DEGREES):
        raise ValueError(f"use 0, 90, 180 or 270 (clockwise degrees), not {value!r}")
    return int(value)


def parse_flip(value: Any) -> Flip | None:
    """Parse a direction; `true` means horizontal, and `false` or `none` means none.

    Raises:
        ValueError: The value has another form.
    """
    match str(value).lower():
        case "true":
            return "horizontal"
        case "false" | "none":
            return None
        case text if text in get_args(Flip):
            return cast(Flip, text)
    raise ValueError(f"use horizontal or vertical, not {value!r}")


def parse_crop(value: Any) -> Crop:
    """Parse `X,Y,WIDTH,HEIGHT`, or a list of these numbers.

    Raises:
        ValueError: The value has another form, or width or height is 0.
    """
    numbers = value.split(",") if isinstance(value, str) else value
    try:
        left, top, width, height = (int(str(number)) for number in numbers)
    except (TypeError, ValueError):
        left = top = width = height = -1
    if min(left, top) < 0 or min(width, height) < 1:
        raise ValueError(
            "use X,Y,WIDTH,HEIGHT in pixels of the upright image, such as 320,0,640,720, not "
            f"{value!r}"
        )
    return left, top, width, height


def by_source(parse: Callable[[Any], _T]) -> Callable[[Any], dict[str, _T]]:
    """Return a parser of a setting that each source may have a value of.

    It returns the values by the name of the source, "" for all others. It accepts `VALUE`,
    `NAME=VALUE`, a list or JSON list of these, and a table of names and values.
    """

    def parse_all(value: Any) -> dict[str, _T]:
        if isinstance(value, Mapping):
            return {name: parse(item) for name, item in value.items()}
        if isinstance(value, str) and value.lstrip().startswith("["):
            return parse_all(from_json(value))
        is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        values: dict[str, _T] = {}
        for item in value if is_list else [value]:
            name, _, text = item.rpartition("=") if isinstance(item, str) else ("", "", item)
            if name in values:
                raise ValueError(f"given twice for {name or 'all sources'!r}")
            values[name] = parse(text)
        return values

    return parse_all
