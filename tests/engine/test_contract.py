import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dancetype.engine.contract import Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import WindowSpec

CONTRACT = Contract(
    labels=CODES,
    window=WindowSpec(4.0, 1.0, 60),
    view="camera",
    recipe="live",
    split="dancers:A",
    dancers=("d01", "d04"),
    figures={"dancers:B": {"clip_accuracy": 0.93}},
    licence="Apache-2.0",
    credit="AIST++",
)
KEYS = sorted(CONTRACT.metadata())
WINDOW = json.loads(CONTRACT.metadata()["window"])

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "contract",
    [
        CONTRACT,
        Contract(("WA", "BR"), CONTRACT.window, "studio", "live", "dancers:A", ()),
        replace(CONTRACT, labels=("HO", "SALSA"), genres={"HO": "house", "SALSA": "salsa"}),
        replace(CONTRACT, window=WindowSpec(5, 5, 300, "xyz", velocity=False, smooth=False)),
    ],
)
def test_a_contract_comes_back_as_it_was_written(contract: Contract) -> None:
    assert Contract.parse(contract.metadata()) == contract


def test_a_genre_of_ones_own_has_the_name_that_its_file_says() -> None:
    metadata = CONTRACT.metadata()
    metadata |= {"labels": '["SALSA", "HO"]', "genres": '{"HO": "house", "SALSA": "Salsa Cubana"}'}
    contract = Contract.parse(metadata)
    assert contract.labels == ("SALSA", "HO")
    assert tuple(contract.genres) == contract.labels
    assert contract.genres["SALSA"] == "Salsa Cubana"
    assert contract.genres["HO"] == "house"
    with pytest.raises(KeyError):
        contract.genres["BR"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 41, "house", "...", "Hou-se "])
def test_a_name_that_no_screen_can_show_or_that_is_anothers_is_refused(name: str) -> None:
    genres = {"HO": "house", "SALSA": name}
    metadata = CONTRACT.metadata() | {"labels": json.dumps(list(genres))}
    with pytest.raises(ModelError, match=r"cannot be named|same name twice"):
        Contract.parse(metadata | {"genres": json.dumps(genres)})


def test_metadata_holds_strings_alone_as_onnx_wants_them() -> None:
    assert all(isinstance(value, str) for value in CONTRACT.metadata().values())


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_refused_by_its_name(key: str) -> None:
    metadata = CONTRACT.metadata()
    del metadata[key]
    with pytest.raises(ModelError, match=f"lacks '{key}'|holds no dancetype contract"):
        Contract.parse(metadata)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("dancetype_contract", "2", "version 2, this program reads 1"),
        ("labels", '["BR", "XX"]', "contradict its labels"),
        ("labels", '["BR", "br"]', "not distinct genre codes"),
        ("labels", '["BR", "A/B"]', "not distinct genre codes"),
        ("labels", '["BR", ""]', "not distinct genre codes"),
        ("labels", '["BR", "BR"]', "not distinct genre codes"),
        ("labels", "[]", "not distinct genre codes"),
        ("labels", '[["BR"]]', "no list of strings"),
        ("labels", '"BR"', "no list of strings"),
        ("labels", "BR, PO", "cannot be read"),
        ("genres", '{"BR": "tango"}', "contradict its labels"),
        ("genres", json.dumps(GENRES | {"BR": "tango"}), "BR cannot be named 'tango'"),
        ("genres", "{}", "no object of names"),
        ("genres", '["BR"]', "no object of names"),
        ("genres", json.dumps(GENRES | {"BR": 7}), "no text"),
        ("joints", json.dumps(JOINTS[::-1]), "joints are not COCO's 17"),
        ("joints", json.dumps(JOINTS[:16]), "joints are not COCO's 17"),
        ("features", '["x", "y"]', "contradict its window"),
        ("features", '["vx", "vy", "x", "y"]', "contradict its window"),
        ("window", json.dumps(WINDOW | {"axes": "xyz"}), "contradict its window"),
        ("window", json.dumps(WINDOW | {"axes": "zy"}), "axes are"),
        ("window", json.dumps(WINDOW | {"velocity": False}), "contradict its window"),
        ("window", json.dumps(WINDOW | {"velocity": "yes"}), "no window"),
        ("window", json.dumps(WINDOW | {"length": 60.0}), "no window"),
        ("window", json.dumps(WINDOW | {"length": 1}), "two steps"),
        ("window", json.dumps(WINDOW | {"length": 10**9}), "2000 steps at most"),
        ("window", json.dumps(WINDOW | {"seconds": 0.5}), "min_seconds <= seconds"),
        ("window", json.dumps(WINDOW | {"seconds": float("inf")}), "at most"),
        ("window", json.dumps(WINDOW | {"seconds": "4"}), "cannot be read"),
        ("window", json.dumps(WINDOW | {"hop": 1}), "hop"),
        ("view", "drone", '"camera" or "studio"'),
        ("figures", "7", "cannot be read"),
        ("normalisation", "none", "another normalisation"),
    ],
)
def test_a_contract_that_does_not_hold_is_refused_with_the_reason(
    key: str, value: str, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        Contract.parse(CONTRACT.metadata() | {key: value})


def test_a_reason_is_not_as_long_as_what_it_is_about() -> None:
    with pytest.raises(ModelError, match="another normalisation") as caught:
        Contract.parse(CONTRACT.metadata() | {"normalisation": "none \n" * 10_000})
    assert len(str(caught.value)) <= 300
    assert "\n" not in str(caught.value)


def parse_or_refuse(metadata: dict[str, str]) -> None:
    try:
        contract = Contract.parse(metadata)
    except ModelError:
        return
    assert Contract.parse(contract.metadata()) == contract


@settings(deadline=None)
@given(metadata=st.dictionaries(st.sampled_from(KEYS) | st.text(), st.text()))
def test_arbitrary_metadata_is_refused_and_nothing_worse(metadata: dict[str, str]) -> None:
    parse_or_refuse(metadata)


@settings(deadline=None)
@given(key=st.sampled_from(KEYS), value=st.text() | values.map(json.dumps))
@example(key="labels", value="[" * 100_000)
@example(key="window", value=json.dumps(WINDOW | {"seconds": 10**400}))
def test_a_contract_with_any_one_value_changed_is_read_or_refused(key: str, value: str) -> None:
    parse_or_refuse(CONTRACT.metadata() | {key: value})


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(WINDOW)), values))
def test_a_window_with_any_values_changed_is_read_or_refused(changes: dict[str, Any]) -> None:
    parse_or_refuse(CONTRACT.metadata() | {"window": json.dumps(WINDOW | changes)})
