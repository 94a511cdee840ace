import numpy as np
import torch

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.skeleton import pelvis, pelvis_centred
from dancetype.training.data.motion import MotionStore, one_hot_targets
from dancetype.training.data.sampling import TrainingClip, TrainingClips
from tests.training.motion import swaying_joints

LABELS = ("BR", "PO")


def clip(
    genre: str,
    *,
    estimated: bool = False,
    rate: int = 60,
    scale: float = 1.0,
    start: float = 0.0,
    speed: float = 0.0,
) -> TrainingClip:
    """Return a clip of a dancer whose pelvis moves to the right from `start` on."""
    joints = scale * swaying_joints(4.0)[:: 60 // rate]
    times = 7 + np.arange(len(joints)) / rate
    joints = pelvis_centred(joints)
    joints[..., 0] += (start + speed * (times - 7))[:, None]
    return TrainingClip("clip", genre, False, times, joints.astype(np.float32), estimated)


def store(*clips: TrainingClip) -> MotionStore:
    probabilities = np.full(len(clips), 1 / len(clips))
    training = TrainingClips(list(clips), probabilities)
    return MotionStore(training, labels=LABELS, device=torch.device("cpu"), face_camera=False)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_last_target_is_that_of_people_who_do_not_dance() -> None:
    targets = one_hot_targets(["PO", NOT_DANCING, "BR"], LABELS)
    assert targets.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_next_frames_are_returned_with_their_times_and_places() -> None:
    walk, dance = clip("BR", start=2.0, speed=0.5), clip("PO", rate=20)
    motions = store(walk, dance)
    exposures = torch.tensor([[0.0, 0.02, 0.5, 9.0]]).repeat(2, 1)
    times, joints = motions.frames(torch.tensor([0, 1]), torch.tensor([1.0, 1.0]), exposures)
    np.testing.assert_allclose(times[0], [0, 2 / 60, 0.5, 3], atol=1e-5)
    np.testing.assert_allclose(times[1], [0, 0.05, 0.5, 3], atol=1e-5)
    np.testing.assert_allclose(joints[0], walk.joints[[60, 62, 90, 240]], atol=1e-5)
    np.testing.assert_allclose(joints[1], dance.joints[[20, 21, 30, 80]], atol=1e-5)


def test_clips_are_drawn_by_their_probability() -> None:
    training = TrainingClips([clip("BR"), clip("PO"), clip("BR")], np.array([0.2, 0.7, 0.1]))
    motions = MotionStore(training, labels=LABELS, device=torch.device("cpu"), face_camera=True)
    counts = np.bincount(motions.draw(5000, generator()), minlength=3) / 5000
    np.testing.assert_allclose(counts, [0.2, 0.7, 0.1], atol=0.02)


def test_partner_is_of_the_same_genre_and_kind() -> None:
    genres = [("BR", False), ("BR", False), ("BR", True), ("PO", False), (NOT_DANCING, False)]
    # The size of a body identifies the clip.
    motions = store(
        *(
            clip(genre, estimated=estimated, scale=2.0**number)
            for number, (genre, estimated) in enumerate(genres)
        )
    )
    indices = torch.arange(5).repeat(20)
    times = torch.linspace(0, 2, 10).repeat(100, 1)
    _, joints = motions.frames(indices, torch.zeros(100), times)
    mixed = motions.add_partners(indices, times, joints, torch.ones(100, 10, 17), generator())
    sizes = (mixed[:, :, 9].norm(dim=-1).mean(dim=1) / joints[0, :, 9].norm(dim=-1).mean()).log2()
    partners = sizes.round().int().tolist()
    found: dict[int, set[int]] = {index: set() for index in range(5)}
    for index, partner in zip(indices.tolist(), partners, strict=True):
        found[index].add(partner)
    assert found == {0: {0, 1}, 1: {0, 1}, 2: {2}, 3: {3}, 4: {4}}


def test_weights_are_those_of_the_partner() -> None:
    motions = store(clip("BR"))
    times = torch.linspace(0, 2, 10)[None]
    _, joints = motions.frames(torch.tensor([0]), torch.zeros(1), times)
    weights = torch.zeros(1, 10, 17)
    assert motions.add_partners(torch.tensor([0]), times, joints, weights, generator()) is joints
    weights[:, 5:, 3] = 1
    mixed = motions.add_partners(torch.tensor([0]), times, joints, weights, generator())
    changed = (mixed - joints).abs().amax(dim=-1) > 1e-5
    assert torch.equal(changed, weights.bool())


def test_pelvis_goes_on_without_a_jump_as_that_of_the_partner() -> None:
    motions = store(clip("BR"), clip("BR", start=30.0, speed=0.5))
    indices = torch.zeros(20, dtype=torch.int64)
    times = torch.linspace(0, 2, 61).repeat(20, 1)
    _, joints = motions.frames(indices, torch.zeros(20), times.double())
    weights = (times > 1).float()[..., None].expand(-1, -1, 17)
    mixed = motions.add_partners(indices, times, joints, weights, generator())
    speeds = 30 * np.diff(pelvis(mixed.numpy())[..., 0], axis=1)
    np.testing.assert_allclose(speeds[:, :30], 0, atol=1e-3)
    later = speeds[:, 31:].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(speeds[:, 31:], np.tile(later, 29), atol=1e-2)
    assert set(later[:, 0].round(2).tolist()) == {0, 0.5}


def test_motion_of_a_partner_is_interpolated_at_the_times_of_the_window() -> None:
    motions = store(clip("BR", rate=20))
    times = torch.linspace(0, 3.9, 40)[None]
    _, joints = motions.frames(torch.tensor([0]), torch.zeros(1), times.double())
    mixed = motions.add_partners(
        torch.tensor([0]), times, joints, torch.ones(1, 40, 17), generator()
    )
    original = clip("BR", rate=20)
    differences = [
        np.abs(
            np.stack(
                [
                    np.interp(start + times[0], original.times - 7, original.joints[:, 9, axis])
                    for axis in range(3)
                ],
                axis=-1,
            )
            - mixed[0, :, 9].numpy()
        ).max()
        for start in np.linspace(0, 0.1, 201)
    ]
    assert min(differences) < 0.01
