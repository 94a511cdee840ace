import tomllib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import FileError
from dancetype.training import recipe
from dancetype.training.recipe import load_recipe
from tests.fuzz.fuzzing import changed, damaged, fuzzed, only, texts, toml

SHIPPED = (Path(recipe.__file__).parent / "recipes" / "live.toml").read_bytes()


def read(content: bytes, folder: Path) -> None:
    path = folder / "own.toml"
    path.write_bytes(content)
    with only("recipes", FileError):
        read = load_recipe(str(path))
        assert read.window.spec().features > 0


@fuzzed
@given(st.binary())
@example(b"\xff")
@example(b"seed = " + b"9" * 5000)
@example(b"seed = " + b"[" * 5000)
def test_noise_is_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzzed
@given(
    damaged(SHIPPED)
    | changed(tomllib.loads(SHIPPED.decode())).map(lambda document: toml(document).encode())
)
def test_a_changed_recipe_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzzed
@given(texts | texts.map(lambda text: f"{text}.toml"))
@example("a" * 5000)
@example("a\0b")
def test_any_name_is_a_recipe_or_refused(name: str) -> None:
    with only("recipes", FileError):
        load_recipe(name)
