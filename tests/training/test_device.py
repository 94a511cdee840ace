import pytest
import torch
from torch import nn

from dancetype.training.data.aist import AistSequence
from dancetype.training.device import ComputeDevice
from dancetype.training.recipe import Recipe
from dancetype.training.train import Trainer


def given(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, gpu_bfloat16: bool = False, avx: bool = False
) -> None:
    """Has this machine look like another one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: gpu_bfloat16
    )
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": avx})


def test_a_gpu_is_trained_on_in_bfloat16_without_a_scaler(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, gpu=True, gpu_bfloat16=True)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cuda", torch.bfloat16)
    assert not best.scaler().is_enabled()


def test_an_old_gpu_is_trained_on_in_float16_with_a_scaler(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, gpu=True)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cuda", torch.float16)
    assert best.scaler().is_enabled()


@pytest.mark.parametrize(("avx", "mixed"), [(True, torch.bfloat16), (False, None)])
def test_a_processor_uses_bfloat16_only_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, avx: bool, mixed: torch.dtype | None
) -> None:
    given(monkeypatch, gpu=False, avx=avx)
    best = ComputeDevice.best()
    assert (best.device.type, best.autocast_dtype) == ("cpu", mixed)
    assert not best.scaler().is_enabled()
    with best.autocast():
        product = nn.Linear(4, 4)(torch.zeros(1, 4))
    assert product.dtype is (mixed or torch.float32)


def test_training_in_float16_with_a_scaler_learns_and_goes_on_where_it_broke_off(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, sequences: list[AistSequence]
) -> None:
    # A scaler is all that float16 needs besides; its autocast is for GPUs.
    monkeypatch.setattr(
        ComputeDevice, "scaler", lambda self: torch.amp.GradScaler("cpu", init_scale=64.0)
    )
    trainer = Trainer(recipe, sequences, [], split="all", workers=0)
    first = next(trainer.epochs())
    resumed = Trainer(recipe, sequences, [], split="all", workers=0, resume=trainer.checkpoint)
    *_, last = resumed.epochs()
    assert last.loss < first.loss
    assert trainer.checkpoint.resume["scaler"]["scale"] == 64.0
