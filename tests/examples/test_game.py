import random
from typing import Any

import pytest

from tests.examples.script import load_example

game = load_example("game")

HOUSE = {"HO": 0.75, "KR": 0.25}


def prediction(name: str | None = "house", source: str = "stage") -> dict[str, Any]:
    status = "genre" if name else "no_person"
    return {
        "type": "prediction",
        "source": source,
        "status": status,
        "name": name,
        "probabilities": HOUSE,
    }


def game_in_first_round(seconds: float = 10.0) -> Any:
    state = game.Game(1, seconds, random.Random(0))
    state.advance(0.0, HOUSE)
    state.advance(game.READY_SECONDS, HOUSE)
    assert state.phase is game.Phase.DANCING
    state.score.target = "HO"
    return state


def test_score_grows_with_the_probability_of_the_target_genre() -> None:
    score = game.Score("HO", 10.0)
    score.advance(4.0, HOUSE)
    assert score.points == 30
    assert score.remaining == 6.0
    score.advance(60.0, HOUSE)
    assert score.points == 75
    assert score.remaining == 0.0


def test_another_genre_uses_time_without_points() -> None:
    score = game.Score("BR", 10.0)
    score.advance(4.0, HOUSE)
    assert score.points == 0
    assert score.remaining == 6.0


def test_clock_stops_without_a_prediction() -> None:
    score = game.Score("HO", 10.0)
    score.advance(60.0, None)
    assert score.points == 0
    assert score.remaining == 10.0


def test_first_prediction_after_connecting_is_ignored() -> None:
    live = game.LivePrediction()
    live.update(prediction(), 5.0)
    assert live.probabilities(5.0) is None
    live.update(prediction(), 5.25)
    assert live.probabilities(5.25) == HOUSE


def test_prediction_is_valid_for_one_and_a_half_seconds() -> None:
    live = game.LivePrediction()
    for now in (0.0, 0.25):
        live.update(prediction(), now)
    assert live.probabilities(1.74) == HOUSE
    assert live.probabilities(1.76) is None
    assert live.status(1.76) == "waiting for dancetype"


def test_stalled_sources_other_sources_and_frames_without_a_person_are_ignored() -> None:
    live = game.LivePrediction()
    for now in (0.0, 0.25):
        live.update(prediction(), now)
    live.update(prediction(None, source="other"), 0.3)
    assert live.probabilities(0.3) == HOUSE
    live.update({"type": "source", "source": "stage", "state": "stalled"}, 0.4)
    assert live.probabilities(0.4) is None
    live.update(prediction(None), 0.5)
    assert live.probabilities(0.5) is None
    assert live.status(0.5) == "no person in view"


def test_game_waits_for_a_dancer_and_adds_up_the_points_of_its_rounds() -> None:
    state = game.Game(2, 10.0, random.Random(0))
    state.advance(60.0, None)
    assert state.phase is game.Phase.WAITING
    targets = []
    for number in (1, 2):
        state.advance(game.RESULT_SECONDS, HOUSE)
        assert (state.phase, state.round) == (game.Phase.READY, number)
        targets.append(state.score.target)
        state.skip()
        state.advance(10.0, HOUSE)
        assert state.phase is game.Phase.RESULT
    state.advance(game.RESULT_SECONDS, HOUSE)
    assert state.phase is game.Phase.OVER
    assert sorted(targets) == ["HO", "KR"]
    assert state.total == 100


def test_space_skips_the_rest_of_a_round_and_escape_ends_the_game() -> None:
    pygame = game.pygame
    state = game_in_first_round()
    state.advance(4.0, HOUSE)
    space = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE)
    assert game.handle_events([space], state)
    assert state.phase is game.Phase.RESULT
    assert state.total == 30
    assert not game.handle_events([pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)], state)


@pytest.mark.parametrize(
    "arguments", [["--rounds", "0"], ["--seconds", "-1"], ["--seconds", "nan"]]
)
def test_invalid_options_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        game.Options.parse(arguments)
    assert "--rounds must be at least 1" in capsys.readouterr().err
