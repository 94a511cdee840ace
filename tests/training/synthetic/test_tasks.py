from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.data.aist import AistSequence, SequenceName, read_sequence
from dancetype.training.synthetic import tasks
from dancetype.training.synthetic.clip import MotionClip
from dancetype.training.synthetic.tasks import (
    SequenceTask,
    negative_clips,
    sequence_tasks,
    shuffle,
)
from tests.fuzz.npz import npz_bytes

BASIC = "gBR_sBM_cAll_d04_mBR0_ch02"
ADVANCED = "gBR_sFM_cAll_d04_mBR0_ch01"


@pytest.fixture
def numbered_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences of 20 s in which the coordinates of all joints are the number of the frame."""

    def read(path: Path) -> AistSequence:
        frames = np.arange(1200, dtype=np.float32)[:, None, None]
        return AistSequence(SequenceName.parse(path.stem), frames + np.zeros((17, 3), np.float32))

    monkeypatch.setattr(tasks, "read_sequence", read)


def test_advanced_sequence_is_rendered_in_several_segments() -> None:
    created = sequence_tasks(Path("aist"), [BASIC, ADVANCED], seconds=6, advanced_clips=3)
    names = [task.name for task in created]
    assert names == [f"{BASIC}_0", *(f"{ADVANCED}_{n}" for n in range(3))]


@pytest.mark.usefixtures("numbered_frames")
def test_clip_has_the_start_of_its_segment_in_the_sequence() -> None:
    clip = SequenceTask(Path(f"{BASIC}.pkl"), 0, 1, 6.0).clip(seed=1)
    assert clip.joints.shape == (361, 17, 3)
    assert clip.joints[0, 0, 0] == pytest.approx(clip.start * 60)
    assert (clip.genre, clip.dancer, clip.sequence) == ("BR", "d04", BASIC)


@pytest.mark.usefixtures("numbered_frames")
def test_segments_start_in_different_parts_of_the_sequence() -> None:
    starts = [SequenceTask(Path(f"{ADVANCED}.pkl"), n, 3, 6.0).clip(seed=2).start for n in range(3)]
    third = (1200 - 361) / 3 / 60
    assert [int(start / third) for start in starts] == [0, 1, 2]


@pytest.mark.usefixtures("numbered_frames")
def test_segment_depends_on_the_seed() -> None:
    task = SequenceTask(Path(f"{BASIC}.pkl"), 0, 1, 6.0)
    assert task.clip(seed=5).start == task.clip(seed=5).start
    assert task.clip(seed=5).start != task.clip(seed=6).start


@pytest.mark.usefixtures("numbered_frames")
def test_sequence_shorter_than_a_segment_is_rendered_completely() -> None:
    clip = SequenceTask(Path(f"{BASIC}.pkl"), 0, 1, 60.0).clip(seed=0)
    assert clip.start == 0
    assert len(clip.joints) == 1200


def test_clip_of_a_real_sequence_contains_its_frames_unchanged(aist: Path) -> None:
    path = min((aist / "keypoints3d").glob("*.pkl"))
    clip = SequenceTask(path, 0, 1, 2.0).clip(seed=0)
    first = round(clip.start * 60)
    np.testing.assert_array_equal(clip.joints, read_sequence(path).joints[first : first + 121])


def test_shuffle_keeps_all_tasks_and_depends_on_the_seed() -> None:
    joints = np.zeros((2, 17, 3), np.float32)
    clips = [MotionClip(f"idle_{n}", NOT_DANCING, joints) for n in range(20)]
    names = [clip.name for clip in shuffle(clips, 0)]
    assert sorted(names) == sorted(clip.name for clip in clips)
    assert names != [clip.name for clip in clips]
    assert names == [clip.name for clip in shuffle(clips, 0)]
    assert names != [clip.name for clip in shuffle(clips, 1)]


def test_captured_sequence_is_divided_evenly_into_segments_of_about_eight_seconds(
    tmp_path: Path,
) -> None:
    lengths = {"long": 24 * 60 + 1, "short": 3 * 60 + 1, "tiny": 89}
    steps = {name: np.zeros((length, 17, 3), np.int16) for name, length in lengths.items()}
    steps["long"][:, 0, 0] = 10
    (tmp_path / "walks.npz").write_bytes(npz_bytes(steps))
    clips = negative_clips(tmp_path)
    assert [(clip.name, len(clip.joints)) for clip in clips] == [
        ("walks-long_0", 481),
        ("walks-long_1", 481),
        ("walks-long_2", 481),
        ("walks-short_0", 181),
    ]
    assert {clip.genre for clip in clips} == {NOT_DANCING}
    assert [float(clip.joints[0, 0, 0]) for clip in clips[:3]] == pytest.approx([0.01, 4.81, 9.61])
