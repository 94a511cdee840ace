from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from benchmarks.baselines.stgcn import BONES, GenreSTGCN, STGCNSettings, adjacency
from dancetype.engine.onnx import ort
from dancetype.engine.skeleton import JOINTS, MIRRORED, mirrored
from dancetype.engine.window import WindowSpec

SPEC = WindowSpec(4.0, 1.0, 20)
SMALL = STGCNSettings(width=8, blocks=3, dropout=0.0)


def network(spec: WindowSpec = SPEC, settings: STGCNSettings = SMALL) -> GenreSTGCN:
    """As it begins, but for batch statistics, without which all layers start alike."""
    torch.manual_seed(0)
    made = GenreSTGCN(settings, window=spec, genres=10)
    made(windows(64, spec))
    return made.eval()


def windows(count: int, spec: WindowSpec = SPEC) -> Tensor:
    numbers = np.random.default_rng(count).normal(0, 1, (count, spec.length, spec.features))
    return torch.from_numpy(numbers.astype(np.float32))


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        WindowSpec(4.0, 1.0, 21),
        WindowSpec(4.0, 1.0, 3, axes="xyz"),
        WindowSpec(4.0, 1.0, 20, velocity=False),
    ],
)
@pytest.mark.parametrize("count", [1, 5])
def test_windows_of_any_form_give_a_finite_logit_for_each_genre(
    spec: WindowSpec, count: int
) -> None:
    logits = network(spec)(windows(count, spec))
    assert logits.shape == (count, 10)
    assert torch.isfinite(logits).all()
    assert logits.max() > logits.min()


def test_a_window_is_answered_alike_alone_and_among_others() -> None:
    many = windows(5)
    with torch.inference_mode():
        np.testing.assert_allclose(network()(many)[3:4], network()(many[3:4]), atol=1e-5)


def test_the_graph_leads_from_every_joint_to_the_nose_and_is_the_same_in_a_mirror() -> None:
    inward = dict(BONES)
    for joint in JOINTS:
        steps = 0
        while joint != "nose":
            joint, steps = inward[joint], steps + 1
            assert steps < len(JOINTS)
    partitions = adjacency()
    assert torch.equal(partitions[:, MIRRORED][:, :, MIRRORED], partitions)
    assert torch.equal(partitions[1] > 0, partitions[2].T > 0)
    sums = partitions.sum(dim=-1)
    assert set(sums.flatten().tolist()) == {0.0, 1.0}
    assert (partitions.sum(dim=0) > 0).sum() == len(JOINTS) + 2 * len(BONES)


def test_at_first_a_joint_is_heard_by_its_neighbours_alone_and_in_its_own_step() -> None:
    (block, *_) = network().blocks
    assert isinstance(block, nn.Module)
    hearing = block.get_submodule("spatial")
    joints = torch.randn(2, 8, len(JOINTS), 10)
    with torch.inference_mode():
        before = hearing(joints)
        joints[1, :, JOINTS.index("left_knee"), 4] += 3
        changed = (hearing(joints) - before).abs().amax(dim=1) > 1e-6
    heard = {(int(n), JOINTS[int(joint)], int(t)) for n, joint, t in changed.nonzero()}
    assert heard == {(1, name, 4) for name in ("left_knee", "left_ankle", "left_hip")}


@pytest.mark.parametrize("length", [20, 21])
def test_each_joint_brings_its_own_values_of_two_steps_into_the_first_block(length: int) -> None:
    spec = WindowSpec(4.0, 1.0, length)
    made = GenreSTGCN(SMALL, window=spec, genres=10).eval()
    seen: list[Tensor] = []
    made.blocks.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = windows(3, spec)
    made(batch)
    odd = length % 2
    for joint, pair in ((0, 0), (9, 4), (16, 9)):
        steps = batch[2, odd + 2 * pair : odd + 2 * pair + 2, 4 * joint : 4 * joint + 4]
        expected = steps.T.flatten()  # each channel's two steps side by side
        torch.testing.assert_close(seen[0][2, :, joint, pair], expected, atol=1e-4, rtol=1e-4)


def reflected(batch: Tensor) -> Tensor:
    """In a mirror: positions and velocities alike, x of the left joint for that of the right."""
    joints = batch.numpy().reshape(*batch.shape[:2], len(JOINTS), 2, 2)
    both = [mirrored(joints[..., kind, :]) for kind in (0, 1)]
    return torch.from_numpy(np.stack(both, axis=-2).reshape(batch.shape))


@pytest.mark.parametrize("mirror", [True, False])
def test_a_trained_network_answers_alike_in_a_mirror_only_where_it_is_told_to(mirror: bool) -> None:
    made = network(settings=SMALL.model_copy(update={"mirror": mirror}))
    with torch.inference_mode():
        difference = (made(windows(4)) - made(reflected(windows(4)))).abs().max()
    assert (difference < 1e-5) == mirror


def test_a_few_steps_of_training_tell_fast_from_slow() -> None:
    torch.manual_seed(0)
    made = GenreSTGCN(SMALL, window=SPEC, genres=10).train()
    optimiser = torch.optim.AdamW(made.parameters(), 5e-3)
    batch, labels = windows(32), torch.arange(32) % 2
    batch *= 1 + labels[:, None, None]
    losses = []
    for _ in range(24):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(made(batch), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_it_runs_under_the_autocast_that_the_trainer_uses() -> None:
    made = network().train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = made(windows(2))
    assert logits.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()


def test_onnxruntime_answers_as_pytorch_does_for_any_number_of_windows(tmp_path: Path) -> None:
    made = network()
    program = torch.onnx.export(
        made,
        (windows(2),),
        input_names=["windows"],
        dynamic_shapes={"windows": {0: torch.export.Dim("batch")}},
        dynamo=True,
    )
    assert program is not None
    program.save(tmp_path / "stgcn.onnx")
    session = ort.InferenceSession(tmp_path / "stgcn.onnx")
    for count in (1, 2, 7):
        (logits,) = session.run(None, {"windows": windows(count).numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(logits, made(windows(count)), atol=1e-4)


@pytest.mark.parametrize("wrong", [{"width": 5}, {"blocks": 0}, {"dropout": 1.5}, {"depth": 3}])
def test_settings_that_make_no_network_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        STGCNSettings.model_validate(wrong)
