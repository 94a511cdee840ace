import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dancetype.engine.contract import NORMALISATION, TRAJECTORY, Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.rolling import Decision
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
DECISION = {"time_constant": 1.0, "enter": [0.5] * 10, "leave": [0.4] * 10, "margin": 0.2}
OPTIONAL_KEYS = ["dancing", "decision"]

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
        replace(CONTRACT, window=replace(CONTRACT.window, trajectory=True)),
        replace(CONTRACT, dancing=True),
        replace(CONTRACT, decision=Decision(0.75, (0.5, *[0.6] * 9), (0.3, *[0.4] * 9), 0.05, 2.0)),
    ],
)
def test_contract_survives_round_trip_through_metadata(contract: Contract) -> None:
    assert Contract.parse(contract.metadata()) == contract


def test_custom_genre_has_name_from_metadata() -> None:
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
def test_invalid_or_duplicate_genre_name_is_rejected(name: str) -> None:
    genres = {"HO": "house", "SALSA": name}
    metadata = CONTRACT.metadata() | {"labels": json.dumps(list(genres))}
    with pytest.raises(ModelError, match=r"cannot be named|same name twice"):
        Contract.parse(metadata | {"genres": json.dumps(genres)})


def test_metadata_values_are_strings_as_onnx_requires() -> None:
    assert all(isinstance(value, str) for value in CONTRACT.metadata().values())


@pytest.mark.parametrize("key", KEYS)
def test_error_names_missing_key(key: str) -> None:
    metadata = CONTRACT.metadata()
    del metadata[key]
    with pytest.raises(ModelError, match=f"lacks '{key}'|has no dancetype contract"):
        Contract.parse(metadata)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("dancetype_contract", "2", "version 2, but this program reads 1"),
        ("labels", '["BR", "XX"]', "contradict its labels"),
        ("labels", '["BR", "br"]', "not distinct genre codes"),
        ("labels", '["BR", "A/B"]', "not distinct genre codes"),
        ("labels", '["BR", ""]', "not distinct genre codes"),
        ("labels", '["BR", "BR"]', "not distinct genre codes"),
        ("labels", "[]", "not distinct genre codes"),
        ("labels", '[["BR"]]', "not a list of strings"),
        ("labels", '"BR"', "not a list of strings"),
        ("labels", "BR, PO", "cannot be read"),
        ("genres", '{"BR": "tango"}', "contradict its labels"),
        ("genres", json.dumps(GENRES | {"BR": "tango"}), "BR cannot be named 'tango'"),
        ("genres", "{}", "not an object of genre names"),
        ("genres", '["BR"]', "not an object of genre names"),
        ("genres", json.dumps(GENRES | {"BR": 7}), "genre name that is not a string"),
        ("joints", json.dumps(JOINTS[::-1]), "joints are not COCO's 17"),
        ("joints", json.dumps(JOINTS[:16]), "joints are not COCO's 17"),
        ("features", '["x", "y"]', "contradict its window"),
        ("features", '["vx", "vy", "x", "y"]', "contradict its window"),
        ("window", json.dumps(WINDOW | {"axes": "xyz"}), "contradict its window"),
        ("window", json.dumps(WINDOW | {"axes": "zy"}), "axes must be"),
        ("window", json.dumps(WINDOW | {"velocity": False}), "contradict its window"),
        ("window", json.dumps(WINDOW | {"velocity": "yes"}), "not a window"),
        ("window", json.dumps(WINDOW | {"trajectory": "yes"}), "not a window"),
        ("window", json.dumps(WINDOW | {"trajectory": True}), "another normalisation"),
        ("window", json.dumps(WINDOW | {"trajectory": True, "axes": "xyz"}), "needs the axes"),
        ("window", json.dumps(WINDOW | {"length": 60.0}), "not a window"),
        ("window", json.dumps(WINDOW | {"length": 1}), "two steps"),
        ("window", json.dumps(WINDOW | {"length": 10**9}), "at most 2000 steps"),
        ("window", json.dumps(WINDOW | {"seconds": 0.5}), "min_seconds <= seconds"),
        ("window", json.dumps(WINDOW | {"seconds": float("inf")}), "at most"),
        ("window", json.dumps(WINDOW | {"seconds": "4"}), "cannot be read"),
        ("window", json.dumps(WINDOW | {"hop": 1}), "hop"),
        ("view", "drone", '"camera" or "studio"'),
        ("figures", "7", "cannot be read"),
        ("normalisation", "none", "another normalisation"),
        ("dancing", "yes", 'dancing must be "true" or "false"'),
        ("decision", "0.5", "not a decision"),
        ("decision", json.dumps(DECISION | {"enter": 0.5}), "enter in .* is not a list"),
        ("decision", json.dumps(DECISION | {"leave": [0.4] * 9}), "but leave has 9"),
        ("decision", json.dumps(DECISION | {"leave": [0.6] * 10}), "0 <= leave <= enter <= 1"),
        ("decision", json.dumps(DECISION | {"enter": ["0.5"] * 10}), "cannot be read"),
        ("decision", json.dumps(DECISION | {"time_constant": 0}), "time_constant must be"),
        ("decision", json.dumps(DECISION | {"time_constant": 3600}), "at most 30 seconds"),
        ("decision", json.dumps(DECISION | {"margin": None}), "cannot be read"),
        ("decision", json.dumps(DECISION | {"hop": 1}), "hop"),
        (
            "decision",
            json.dumps(DECISION | {"enter": [0.5] * 3, "leave": [0.4] * 3}),
            "3 thresholds for 10 genres",
        ),
    ],
)
def test_invalid_contract_is_rejected_with_reason(key: str, value: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        Contract.parse(CONTRACT.metadata() | {key: value})


def test_contract_without_optional_keys_has_the_default_decision() -> None:
    contract = Contract.parse(CONTRACT.metadata())
    assert not set(OPTIONAL_KEYS) & CONTRACT.metadata().keys()
    assert (contract.decision, contract.dancing) == (None, False)
    assert Contract.parse(CONTRACT.metadata() | {"dancing": "false"}) == contract


def test_window_of_an_older_contract_has_no_trajectory() -> None:
    older = {name: value for name, value in WINDOW.items() if name != "trajectory"}
    assert Contract.parse(CONTRACT.metadata() | {"window": json.dumps(older)}) == CONTRACT


def test_normalisation_names_the_trajectory_only_of_windows_that_have_one() -> None:
    with_trajectory = replace(CONTRACT, window=replace(CONTRACT.window, trajectory=True))
    assert CONTRACT.metadata()["normalisation"] == NORMALISATION
    assert with_trajectory.metadata()["normalisation"] == NORMALISATION + TRAJECTORY


def test_rolling_estimate_has_the_decision_of_the_contract() -> None:
    window = np.full(10, 0.05, np.float32)
    window[3] = 0.45
    decision = Decision.uniform(10, enter=0.4, leave=0.3)
    estimates = [
        replace(CONTRACT, decision=decision, dancing=dancing).rolling_estimate().update(0.0, window)
        for dancing in (False, True)
    ]
    assert [estimate.genre for estimate in estimates] == [CODES[3]] * 2
    assert [estimate.dancing for estimate in estimates] == [None, pytest.approx(0.9)]
    assert CONTRACT.rolling_estimate().update(0.0, window).genre is None


def test_error_about_long_metadata_is_short() -> None:
    with pytest.raises(ModelError, match="another normalisation") as caught:
        Contract.parse(CONTRACT.metadata() | {"normalisation": "none \n" * 10_000})
    assert len(str(caught.value)) <= 300
    assert "\n" not in str(caught.value)


def check_parse(metadata: dict[str, str]) -> None:
    try:
        contract = Contract.parse(metadata)
    except ModelError:
        return
    assert Contract.parse(contract.metadata()) == contract


@settings(deadline=None)
@given(metadata=st.dictionaries(st.sampled_from(KEYS + OPTIONAL_KEYS) | st.text(), st.text()))
def test_arbitrary_metadata_is_parsed_or_rejected(metadata: dict[str, str]) -> None:
    check_parse(metadata)


@settings(deadline=None)
@given(key=st.sampled_from(KEYS + OPTIONAL_KEYS), value=st.text() | values.map(json.dumps))
@example(key="labels", value="[" * 100_000)
@example(key="window", value=json.dumps(WINDOW | {"seconds": 10**400}))
def test_contract_with_one_changed_value_is_parsed_or_rejected(key: str, value: str) -> None:
    check_parse(CONTRACT.metadata() | {key: value})


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(WINDOW)), values))
def test_window_with_changed_values_is_parsed_or_rejected(changes: dict[str, Any]) -> None:
    check_parse(CONTRACT.metadata() | {"window": json.dumps(WINDOW | changes)})


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(DECISION)), values))
def test_decision_with_changed_values_is_parsed_or_rejected(changes: dict[str, Any]) -> None:
    check_parse(CONTRACT.metadata() | {"decision": json.dumps(DECISION | changes)})
