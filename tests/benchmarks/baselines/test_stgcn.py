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
    """Return an untrained network with batch statistics, without which all layers start equal."""
    torch.manual_seed(0)
    stgcn = GenreSTGCN(settings, window=spec, genres=10)
    stgcn(windows(64, spec))
    return stgcn.eval()


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
        WindowSpec(4.0, 1.0, 20, trajectory=True),
    ],
)
@pytest.mark.parametrize("count", [1, 5])
def test_windows_of_any_specification_give_finite_logits(spec: WindowSpec, count: int) -> None:
    logits = network(spec)(windows(count, spec))
    assert logits.shape == (count, 10)
    assert torch.isfinite(logits).all()
    assert logits.max() > logits.min()


def test_logits_of_a_window_do_not_depend_on_the_batch() -> None:
    batch = windows(5)
    with torch.inference_mode():
        np.testing.assert_allclose(network()(batch)[3:4], network()(batch[3:4]), atol=1e-5)


def test_logits_do_not_depend_on_the_trajectory() -> None:
    spec = WindowSpec(4.0, 1.0, 20, trajectory=True)
    stgcn, batch = network(spec), windows(3, spec)
    moved = batch.clone()
    moved[..., -spec.channels :] += 1
    with torch.inference_mode():
        assert torch.equal(stgcn(moved), stgcn(batch))


def test_graph_connects_every_joint_to_the_nose_and_is_symmetric() -> None:
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


def test_untrained_graph_convolution_mixes_only_neighbouring_joints_of_one_step() -> None:
    (block, *_) = network().blocks
    assert isinstance(block, nn.Module)
    convolution = block.get_submodule("spatial")
    joints = torch.randn(2, 8, len(JOINTS), 10)
    with torch.inference_mode():
        before = convolution(joints)
        joints[1, :, JOINTS.index("left_knee"), 4] += 3
        changed = (convolution(joints) - before).abs().amax(dim=1) > 1e-6
    affected = {(int(n), JOINTS[int(joint)], int(t)) for n, joint, t in changed.nonzero()}
    assert affected == {(1, name, 4) for name in ("left_knee", "left_ankle", "left_hip")}


@pytest.mark.parametrize("length", [20, 21])
def test_first_block_gets_two_steps_of_each_joint_as_channels(length: int) -> None:
    spec = WindowSpec(4.0, 1.0, length)
    stgcn = GenreSTGCN(SMALL, window=spec, genres=10).eval()
    inputs: list[Tensor] = []
    stgcn.blocks.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    batch = windows(3, spec)
    stgcn(batch)
    odd = length % 2
    for joint, pair in ((0, 0), (9, 4), (16, 9)):
        steps = batch[2, odd + 2 * pair : odd + 2 * pair + 2, 4 * joint : 4 * joint + 4]
        expected = steps.T.flatten()  # the two steps of each channel are adjacent
        torch.testing.assert_close(inputs[0][2, :, joint, pair], expected, atol=1e-4, rtol=1e-4)


def mirrored_windows(batch: Tensor) -> Tensor:
    """Return windows with mirrored positions and velocities."""
    joints = batch.numpy().reshape(*batch.shape[:2], len(JOINTS), 2, 2)
    parts = [mirrored(joints[..., part, :]) for part in (0, 1)]
    return torch.from_numpy(np.stack(parts, axis=-2).reshape(batch.shape))


@pytest.mark.parametrize("mirror", [True, False])
def test_mirrored_windows_have_the_same_logits_only_with_mirror_averaging(mirror: bool) -> None:
    stgcn = network(settings=SMALL.model_copy(update={"mirror": mirror}))
    with torch.inference_mode():
        difference = (stgcn(windows(4)) - stgcn(mirrored_windows(windows(4)))).abs().max()
    assert (difference < 1e-5) == mirror


def test_few_training_steps_separate_fast_from_slow_windows() -> None:
    torch.manual_seed(0)
    stgcn = GenreSTGCN(SMALL, window=SPEC, genres=10).train()
    optimiser = torch.optim.AdamW(stgcn.parameters(), 5e-3)
    batch, labels = windows(32), torch.arange(32) % 2
    batch *= 1 + labels[:, None, None]
    losses = []
    for _ in range(24):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(stgcn(batch), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stgcn.parameters())


def test_network_runs_with_autocast() -> None:
    stgcn = network().train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = stgcn(windows(2))
    assert logits.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()


def test_onnxruntime_gives_the_logits_of_pytorch_for_any_batch_size(tmp_path: Path) -> None:
    stgcn = network()
    program = torch.onnx.export(
        stgcn,
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
            np.testing.assert_allclose(logits, stgcn(windows(count)), atol=1e-4)


@pytest.mark.parametrize("wrong", [{"width": 5}, {"blocks": 0}, {"dropout": 1.5}, {"depth": 3}])
def test_invalid_settings_of_stgcn_are_rejected(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        STGCNSettings.model_validate(wrong)
