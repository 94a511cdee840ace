"""Device and precision of a training run."""

from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """Device of a training run and its mixed precision.

    Attributes:
        device: Device of the network and the batches.
        autocast_dtype: Type that autocast computes in; None for float32 throughout.
    """

    device: torch.device
    autocast_dtype: torch.dtype | None

    @classmethod
    def best(cls) -> Self:
        """Return the fastest available device; an empty CUDA_VISIBLE_DEVICES hides GPUs."""
        if torch.cuda.is_available():
            # GPUs before Ampere only emulate bfloat16, and cuDNN's LSTM lacks the emulation.
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(torch.device("cuda"), torch.bfloat16 if native else torch.float16)
        # PyTorch's LSTM does not run in bfloat16 on a CPU without this instruction set.
        native = torch.cpu.get_capabilities().get("avx512_bf16", False)
        return cls(torch.device("cpu"), torch.bfloat16 if native else None)

    def autocast(self) -> torch.autocast:
        """Return the context for the forward pass."""
        return torch.autocast(
            self.device.type,
            dtype=self.autocast_dtype or torch.bfloat16,
            enabled=self.autocast_dtype is not None,
        )

    def scaler(self) -> torch.amp.GradScaler:
        """Return the gradient scaler for the backward pass; it is enabled only for float16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.autocast_dtype is torch.float16)
