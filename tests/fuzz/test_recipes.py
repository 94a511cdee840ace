import tomllib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import FileError
from dancetype.training import recipe as recipe_module
from dancetype.training.recipe import load_recipe
from tests.fuzz.fuzzing import (
    changed_documents,
    check_parser,
    damaged_bytes,
    fuzz_test,
    texts,
    toml,
)

SHIPPED = (Path(recipe_module.__file__).parent / "recipes" / "live.toml").read_bytes()


def load(content: bytes, folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_bytes(content)
    with check_parser("recipes", FileError):
        recipe = load_recipe(str(path))
        assert recipe.window.spec().features > 0


@fuzz_test
@given(st.binary())
@example(b"\xff")
@example(b"seed = " + b"9" * 5000)
@example(b"seed = " + b"[" * 5000)
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


@fuzz_test
@given(
    damaged_bytes(SHIPPED)
    | changed_documents(tomllib.loads(SHIPPED.decode())).map(
        lambda document: toml(document).encode()
    )
)
def test_changed_recipe_is_loaded_or_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


@fuzz_test
@given(texts | texts.map(lambda text: f"{text}.toml"))
@example("a" * 5000)
@example("a\0b")
def test_any_recipe_name_is_loaded_or_rejected(name: str) -> None:
    with check_parser("recipes", FileError):
        load_recipe(name)
