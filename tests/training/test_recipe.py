import tomllib
from pathlib import Path
from typing import Any

import pytest

from dancetype.engine.errors import FileError
from dancetype.training.recipe import Recipe, load_recipe, recipe_names

RECIPES = Path(__file__).parents[2] / "training" / "recipes"

VALID = """
name = "mine"
about = "For a test."
[window]
seconds = 4.0
min_seconds = 1.0
length = 60
axes = "xy"
velocity = true
smooth = true
[sampling]
windows = "random"
seconds = [1.5, 4.0]
[network]
hidden = 8
layers = 1
dropout = 0.3
head_dropout = 0.4
pooling = "mean"
[optimiser]
kind = "adam"
learning_rate = 5e-4
batch = 16
epochs = 20
"""


def test_package_contains_the_first_and_live_recipes() -> None:
    assert {"first-20", "first-30", "live"} <= set(recipe_names())
    assert recipe_names() == sorted(path.stem for path in RECIPES.glob("*.toml"))


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipe_has_the_name_of_its_file(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert recipe.about
    assert recipe.window.spec().length == recipe.window.length


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_recipe_is_read_from_a_path(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(VALID, encoding=encoding)
    recipe = load_recipe(str(path))
    assert recipe == Recipe.model_validate(tomllib.loads(VALID))
    assert (recipe.network.hidden, recipe.optimiser.epochs, recipe.camera) == (8, 20, None)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("hidden = 8", "", r"network\.hidden: Field required"),
        ("hidden = 8", "hidden = 0", r"network\.hidden: .* greater than or equal to 1"),
        ("hidden = 8", "hidden = 8\nheads = 2", r"network\.heads: Extra inputs"),
        ('pooling = "mean"', "", "network: .* a network of the kind lstm needs pooling"),
        ("dropout = 0.3", "dropout = 1.3", r"network\.dropout: .* less than or equal to 1"),
        ('kind = "adam"', 'kind = "sgd"', r"optimiser\.kind: Input should be 'adam'"),
        ("batch = 16", 'batch = "many"', r"optimiser\.batch: .* valid integer"),
        ("epochs = 20", "epochs = 0", r"optimiser\.epochs: .* greater than or equal to 1"),
        ("min_seconds = 1.0", "min_seconds = 5.0", "need 0 < min_seconds <= seconds"),
        ("length = 60", "length = 1", "two steps or more"),
        ('axes = "xy"', 'axes = "xyz"\ntrajectory = true', 'trajectory needs the axes "xy"'),
        (
            "seconds = [1.5, 4.0]",
            "seconds = [0.5, 4.0]",
            "starts at 0.5, below window.min_seconds = 1",
        ),
        ("[network]", "[network", "mine"),
        ("[window]", "[windows]", r"window: Field required; windows: Extra"),
    ],
)
def test_invalid_recipe_is_rejected_with_one_line(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path = tmp_path / "mine.toml"
    assert old in VALID
    path.write_text(VALID.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FileError, match=reason) as error:
        load_recipe(str(path))
    assert "\n" not in str(error.value)


def test_binary_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match=r"mine\.toml"):
        load_recipe(str(path))


@pytest.mark.parametrize("name", ["absent", "absent.toml", ""])
def test_error_for_unknown_recipe_lists_the_known_ones(name: str) -> None:
    with pytest.raises(FileError, match=f"no recipe '{name}'; use one of .*first-20"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("overrides", "seed", "epochs"),
    [
        ({"seed": None, "epochs": None}, 0, 3),
        ({"seed": 0, "epochs": 7}, 0, 7),
        ({"seed": 5, "epochs": None}, 5, 3),
    ],
)
def test_overrides_change_only_seed_and_epochs(
    recipe: Recipe, overrides: dict[str, Any], seed: int, epochs: int
) -> None:
    changed = recipe.with_overrides(**overrides)
    assert (changed.seed, changed.optimiser.epochs) == (seed, epochs)
    assert changed.with_overrides(seed=0, epochs=3) == recipe


@pytest.mark.parametrize(
    "content",
    [b"seed = " + b"9" * 5000, b"seed = " + b"[" * 5000, b"\xff"],
    ids=["long number", "deep", "other encoding"],
)
def test_invalid_toml_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(FileError, match=r"mine\.toml"):
        load_recipe(str(tmp_path / "mine.toml"))


def test_name_with_null_byte_is_rejected() -> None:
    with pytest.raises(FileError, match="recipe"):
        load_recipe("a\0b")


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_infinite_and_nan_settings_are_rejected(tmp_path: Path, value: str) -> None:
    (tmp_path / "mine.toml").write_text(VALID.replace("seconds = 4.0", f"seconds = {value}"))
    with pytest.raises(FileError, match="finite"):
        load_recipe(str(tmp_path / "mine.toml"))
