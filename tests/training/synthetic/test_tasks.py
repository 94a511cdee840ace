from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.data.aist import AistSequence, SequenceName, read_sequence
from dancetype.training.synthetic import tasks
from dancetype.training.synthetic.clip import Clip
from dancetype.training.synthetic.tasks import DanceOrder, dance_orders, shuffled

BASIC = "gBR_sBM_cAll_d04_mBR0_ch02"
ADVANCED = "gBR_sFM_cAll_d04_mBR0_ch01"


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences of 20 s in which each joint lies at the number of its frame."""

    def read(path: Path) -> AistSequence:
        frames = np.arange(1200, dtype=np.float32)[:, None, None]
        return AistSequence(SequenceName.parse(path.stem), frames + np.zeros((17, 3), np.float32))

    monkeypatch.setattr(tasks, "read_sequence", read)


def test_an_advanced_sequence_is_rendered_in_several_stretches() -> None:
    made = dance_orders(Path("aist"), [BASIC, ADVANCED], seconds=6, advanced_clips=3)
    assert [order.name for order in made] == [f"{BASIC}_0", *(f"{ADVANCED}_{n}" for n in range(3))]


@pytest.mark.usefixtures("numbered")
def test_a_stretch_says_where_in_its_sequence_it_starts() -> None:
    clip = DanceOrder(Path(f"{BASIC}.pkl"), 0, 1, 6.0).clip(seed=1)
    assert clip.joints.shape == (361, 17, 3)
    assert clip.joints[0, 0, 0] == pytest.approx(clip.start * 60)
    assert (clip.genre, clip.dancer, clip.sequence) == ("BR", "d04", BASIC)


@pytest.mark.usefixtures("numbered")
def test_stretches_of_one_sequence_start_in_different_parts_of_it() -> None:
    starts = [DanceOrder(Path(f"{ADVANCED}.pkl"), n, 3, 6.0).clip(seed=2).start for n in range(3)]
    third = (1200 - 361) / 3 / 60
    assert [int(start / third) for start in starts] == [0, 1, 2]


@pytest.mark.usefixtures("numbered")
def test_the_same_seed_gives_the_same_stretch() -> None:
    order = DanceOrder(Path(f"{BASIC}.pkl"), 0, 1, 6.0)
    assert order.clip(seed=5).start == order.clip(seed=5).start
    assert order.clip(seed=5).start != order.clip(seed=6).start


@pytest.mark.usefixtures("numbered")
def test_a_sequence_shorter_than_a_clip_is_taken_whole() -> None:
    clip = DanceOrder(Path(f"{BASIC}.pkl"), 0, 1, 60.0).clip(seed=0)
    assert clip.start == 0
    assert len(clip.joints) == 1200


def test_a_real_sequence_is_cut_as_it_is(aist: Path) -> None:
    path = min((aist / "keypoints3d").glob("*.pkl"))
    clip = DanceOrder(path, 0, 1, 2.0).clip(seed=0)
    first = round(clip.start * 60)
    np.testing.assert_array_equal(clip.joints, read_sequence(path).joints[first : first + 121])


def test_shuffling_keeps_every_order_and_follows_the_seed() -> None:
    made = [Clip(f"idle_{n}", NOT_DANCING, np.zeros((2, 17, 3), np.float32)) for n in range(20)]
    names = [order.name for order in shuffled(made, 0)]
    assert sorted(names) == sorted(order.name for order in made)
    assert names != [order.name for order in made]
    assert names == [order.name for order in shuffled(made, 0)]
    assert names != [order.name for order in shuffled(made, 1)]
