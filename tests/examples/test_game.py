import random
from typing import Any

import pytest

from tests.examples.script import load_example

game = load_example("game")

HOUSE = {"HO": 0.75, "KR": 0.25}


def a_prediction(name: str | None = "house", source: str = "stage") -> dict[str, Any]:
    status = "genre" if name else "no_person"
    return {
        "type": "prediction",
        "source": source,
        "status": status,
        "name": name,
        "probabilities": HOUSE,
    }


def dancing(seconds: float = 10.0) -> Any:
    """A game whose first round has begun."""
    play = game.Game(1, seconds, random.Random(0))
    play.advance(0.0, HOUSE)
    play.advance(game.READY, HOUSE)
    assert play.phase is game.Phase.DANCING
    play.score.wanted = "HO"
    return play


def test_a_round_fills_as_far_as_it_is_danced_surely() -> None:
    score = game.Score("HO", 10.0)
    score.advance(4.0, HOUSE)
    assert score.points == 30
    assert score.left == 6.0
    score.advance(60.0, HOUSE)
    assert score.points == 75
    assert score.left == 0.0


def test_another_genre_takes_time_and_gives_nothing() -> None:
    score = game.Score("BR", 10.0)
    score.advance(4.0, HOUSE)
    assert score.points == 0
    assert score.left == 6.0


def test_time_in_which_nothing_is_known_does_not_pass() -> None:
    score = game.Score("HO", 10.0)
    score.advance(60.0, None)
    assert score.points == 0
    assert score.left == 10.0


def test_the_first_message_after_connecting_is_not_live_and_the_second_is() -> None:
    live = game.Live()
    live.take(a_prediction(), 5.0)
    assert live.probabilities(5.0) is None
    live.take(a_prediction(), 5.25)
    assert live.probabilities(5.25) == HOUSE


def test_a_message_is_live_for_a_second_and_a_half() -> None:
    live = game.Live()
    for now in (0.0, 0.25):
        live.take(a_prediction(), now)
    assert live.probabilities(1.74) == HOUSE
    assert live.probabilities(1.76) is None
    assert live.status(1.76) == "waiting for dancetype"


def test_nothing_is_live_of_a_source_that_stands_of_nobody_or_of_another_camera() -> None:
    live = game.Live()
    for now in (0.0, 0.25):
        live.take(a_prediction(), now)
    live.take(a_prediction(None, source="other"), 0.3)
    assert live.probabilities(0.3) == HOUSE
    live.take({"type": "source", "source": "stage", "state": "stalled"}, 0.4)
    assert live.probabilities(0.4) is None
    live.take(a_prediction(None), 0.5)
    assert live.probabilities(0.5) is None
    assert live.status(0.5) == "nobody in view"


def test_a_game_waits_for_a_dancer_then_counts_its_rounds_and_adds_them_up() -> None:
    play = game.Game(2, 10.0, random.Random(0))
    play.advance(60.0, None)
    assert play.phase is game.Phase.WAITING
    wanted = []
    for number in (1, 2):
        play.advance(game.RESULT, HOUSE)
        assert (play.phase, play.round) == (game.Phase.READY, number)
        wanted.append(play.score.wanted)
        play.skip()
        play.advance(10.0, HOUSE)
        assert play.phase is game.Phase.RESULT
    play.advance(game.RESULT, HOUSE)
    assert play.phase is game.Phase.OVER
    assert sorted(wanted) == ["HO", "KR"]
    assert play.total == 100


def test_a_key_skips_a_round_with_the_points_it_has_and_escape_ends_the_game() -> None:
    pygame = game.pygame
    play = dancing()
    play.advance(4.0, HOUSE)
    space = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE)
    assert game.handle([space], play)
    assert play.phase is game.Phase.RESULT
    assert play.total == 30
    assert not game.handle([pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)], play)


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--seconds", "-1"], ["--seconds", "nan"]])
def test_flags_that_make_no_sense_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        game.Options.parse(words)
    assert "--rounds takes 1 or more" in capsys.readouterr().err
