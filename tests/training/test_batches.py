import numpy as np
import pytest
import torch

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import Track
from dancetype.engine.window import cut_window
from dancetype.training.batches import ClipWindows, RandomWindows
from dancetype.training.data.aist import AistSequence, SequenceName
from dancetype.training.recipe import Recipe
from tests.training.motion import swaying_joints


def dance(name: str, seconds: float) -> AistSequence:
    return AistSequence(SequenceName.parse(name), swaying_joints(seconds))


@pytest.fixture
def dances() -> list[AistSequence]:
    """Many break dances and few pop dances; the advanced ones are longer."""
    basic = [dance(f"gBR_sBM_cAll_d04_mBR0_ch{number:02}", 8) for number in range(12)]
    return [
        *basic,
        dance("gBR_sFM_cAll_d04_mBR0_ch01", 30),
        dance("gPO_sBM_cAll_d10_mPO0_ch01", 8),
        dance("gPO_sFM_cAll_d10_mPO0_ch01", 30),
    ]


def with_sampling(recipe: Recipe, **sampling: object) -> Recipe:
    updated = recipe.sampling.model_copy(update=sampling)
    return recipe.model_copy(update={"sampling": updated})


def test_batch_contains_windows_and_labels(dances: list[AistSequence], recipe: Recipe) -> None:
    data = RandomWindows.of_recordings(dances, recipe)
    assert len(data) == 3 * 12
    windows, targets = data[0]
    assert windows.shape == (16, 20, 68)
    assert windows.dtype == torch.float32
    assert torch.isfinite(windows).all()
    assert targets.shape == (16, 11)
    assert torch.equal(targets.sum(dim=1), torch.ones(16))
    assert set(targets.argmax(dim=1).tolist()) == {CODES.index("BR"), CODES.index("PO")}


def test_batch_depends_only_on_its_step(dances: list[AistSequence], recipe: Recipe) -> None:
    data, same_data = (
        RandomWindows.of_recordings(dances, recipe),
        RandomWindows.of_recordings(dances, recipe),
    )
    for step in (5, 0, 11):
        assert torch.equal(data[step][0], same_data[step][0])
    for step in (0, 5):
        assert torch.equal(data[step][0], same_data[step][0])
        assert torch.equal(data[step][1], same_data[step][1])


def test_batches_of_other_steps_and_seeds_differ(
    dances: list[AistSequence], recipe: Recipe
) -> None:
    data = RandomWindows.of_recordings(dances, recipe)
    reseeded = RandomWindows.of_recordings(dances, recipe.with_overrides(seed=1, epochs=None))
    assert not torch.equal(data[0][0], data[1][0])
    assert not torch.equal(data[0][0], reseeded[0][0])


def test_genres_are_sampled_equally_often(dances: list[AistSequence], recipe: Recipe) -> None:
    data = RandomWindows.of_recordings(dances, recipe)
    labels = torch.cat([data[step][1] for step in range(30)]).argmax(dim=1)
    assert 0.4 < (labels == CODES.index("PO")).float().mean() < 0.6


@pytest.mark.parametrize("trajectory", [False, True])
def test_windows_without_augmentation_are_those_of_the_engine(
    dances: list[AistSequence], recipe: Recipe, *, trajectory: bool
) -> None:
    window = recipe.window.model_copy(update={"trajectory": trajectory})
    changes = {"camera": None, "window": window}
    recipe = with_sampling(recipe, full=1.0, tempo=0.0).model_copy(update=changes)
    windows, _ = RandomWindows.of_recordings(dances[:1], recipe)[0]
    spec = recipe.window.spec()
    (sequence,) = dances[:1]
    starts = range(len(sequence.joints) - 241)
    ends = [sequence.times[start + 240] for start in starts]
    candidates = [cut_window(sequence.times, sequence.joints, spec, end=end) for end in ends]
    features = [window.features for window in candidates if window.features is not None]
    assert len(features) == len(ends)
    engine = torch.from_numpy(np.stack(features))
    # The start of a window is random, so each is compared with all of the same length.
    nearest = (windows[:, None] - engine).abs().amax(dim=(2, 3)).amin(dim=1)
    assert nearest.max() < 1e-5


@pytest.mark.parametrize("advanced", [0.0, 0.35, 1.0])
def test_advanced_choreography_has_the_share_of_the_recipe(recipe: Recipe, advanced: float) -> None:
    # The advanced dance stands still, so that its windows have zero velocities.
    still = dance("gBR_sFM_cAll_d04_mBR0_ch01", 30)
    still.joints[:] = still.joints[0]
    recipe = with_sampling(recipe, advanced=advanced).model_copy(update={"camera": None})
    data = RandomWindows.of_recordings([dance("gBR_sBM_cAll_d04_mBR0_ch01", 8), still], recipe)
    windows = torch.cat([data[step][0] for step in range(20)])
    moving = windows.reshape(len(windows), 20, 17, 4)[..., 2:].abs().amax(dim=(1, 2, 3)) > 1e-3
    assert (~moving).float().mean().item() == pytest.approx(advanced, abs=0.1)


def test_windows_of_idle_people_have_no_genre(dances: list[AistSequence], recipe: Recipe) -> None:
    data = RandomWindows.of_recordings(dances, with_sampling(recipe, idle=0.5))
    targets = torch.cat([data[step][1] for step in range(20)])
    assert 0.4 < targets[:, -1].mean() < 0.6


def test_tracks_have_the_share_of_the_recipe(dances: list[AistSequence], recipe: Recipe) -> None:
    times = np.arange(120) / 20
    # People stand still only in the tracks, so that their windows have zero velocities.
    world = np.tile(np.random.default_rng(1).uniform(-1, 1, (33, 3)), (120, 1, 1)).astype("f4")
    still = [Track(code, code, times, world, world, world[..., 0]) for code in ("BR", "PO")]
    camera = recipe.camera and recipe.camera.model_copy(update={"track_noise": 0, "thrown": 0})
    recipe = with_sampling(recipe, tracks=0.7).model_copy(update={"camera": camera})
    data = RandomWindows.of_recordings(dances, recipe, tracks=(still,))
    windows = torch.cat([data[step][0] for step in range(20)])
    moving = windows.reshape(len(windows), 20, 17, 4)[..., 2:].abs().amax(dim=(1, 2, 3)) > 1e-3
    assert (~moving).float().mean().item() == pytest.approx(0.7, abs=0.1)


def test_sequence_shorter_than_a_window_is_rejected(
    dances: list[AistSequence], recipe: Recipe
) -> None:
    short = dance("gBR_sBM_cAll_d05_mBR0_ch01", 0.5)
    with pytest.raises(
        FileError, match=r"d05_mBR0_ch01: the sequence is 0\.5 s long, but a window needs"
    ):
        RandomWindows.of_recordings([*dances, short], recipe)
    with pytest.raises(
        FileError, match=r"d05_mBR0_ch01: the sequence is 0\.5 s long, but a window needs"
    ):
        ClipWindows([*dances, short], recipe)


def test_every_epoch_of_clips_contains_all_sequences_once_in_another_order(
    dances: list[AistSequence], recipe: Recipe
) -> None:
    clips = ClipWindows(dances, with_sampling(recipe, windows="clip"))
    assert len(clips) == 3
    orders = [clips[step][1].argmax(dim=1).tolist() for step in range(3)]
    windows, _ = clips[0]
    assert windows.shape == (15, 20, 68)
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert orders[0] != orders[1]


def test_batches_of_clips_have_at_most_the_batch_size_of_the_recipe(
    dances: list[AistSequence], recipe: Recipe
) -> None:
    optimiser = recipe.optimiser.model_copy(update={"batch": 4})
    clips = ClipWindows(dances, recipe.model_copy(update={"optimiser": optimiser}))
    assert [len(clips[step][1]) for step in range(4)] == [4, 4, 4, 3]
    assert len(clips) == 12
