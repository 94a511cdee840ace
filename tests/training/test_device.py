import pytest
import torch
from torch import nn

from dancetype.training.data.aist import AistSequence
from dancetype.training.device import ComputeDevice
from dancetype.training.recipe import Recipe
from dancetype.training.trainer import Trainer


def simulate_hardware(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, gpu_bfloat16: bool = False, avx: bool = False
) -> None:
    """Make PyTorch report other hardware."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: gpu_bfloat16
    )
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": avx})


def test_gpu_with_bfloat16_uses_it_without_a_scaler(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate_hardware(monkeypatch, gpu=True, gpu_bfloat16=True)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cuda", torch.bfloat16)
    assert not best.scaler().is_enabled()


def test_gpu_without_bfloat16_uses_float16_with_a_scaler(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate_hardware(monkeypatch, gpu=True)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cuda", torch.float16)
    assert best.scaler().is_enabled()


@pytest.mark.parametrize(("avx", "dtype"), [(True, torch.bfloat16), (False, None)])
def test_cpu_uses_bfloat16_only_with_native_support(
    monkeypatch: pytest.MonkeyPatch, avx: bool, dtype: torch.dtype | None
) -> None:
    simulate_hardware(monkeypatch, gpu=False, avx=avx)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cpu", dtype)
    assert not best.scaler().is_enabled()
    with best.autocast():
        output = nn.Linear(4, 4)(torch.zeros(1, 4))
    assert output.dtype is (dtype or torch.float32)


def test_training_with_a_scaler_lowers_the_loss_and_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, sequences: list[AistSequence]
) -> None:
    # Autocast to float16 needs a GPU, so that only the scaler is tested here.
    monkeypatch.setattr(
        ComputeDevice, "scaler", lambda self: torch.amp.GradScaler("cpu", init_scale=64.0)
    )
    trainer = Trainer(recipe, sequences, [], split="all")
    first = next(trainer.epochs())
    resumed = Trainer(recipe, sequences, [], split="all", resume=trainer.checkpoint)
    *_, last = resumed.epochs()
    assert last.loss < first.loss
    assert trainer.checkpoint.resume["scaler"]["scale"] == 64.0
