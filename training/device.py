"""The device of a training run, and its precision."""

from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """The device of a training run and its mixed precision.

    Attributes:
        device: Device of network and batches.
        mixed: Type that autocast computes in; None if all is float32.
    """

    device: torch.device
    mixed: torch.dtype | None

    @classmethod
    def best(cls) -> Self:
        """Return the fastest choice; CUDA_VISIBLE_DEVICES= in the environment hides a GPU."""
        if torch.cuda.is_available():
            # GPUs before Ampere emulate bfloat16, and cuDNN's LSTM does not even do that.
            real = torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(torch.device("cuda"), torch.bfloat16 if real else torch.float16)
        # PyTorch's LSTM in bfloat16 does not run at all on a processor without this.
        fast = torch.cpu.get_capabilities().get("avx512_bf16", False)
        return cls(torch.device("cpu"), torch.bfloat16 if fast else None)

    def autocast(self) -> torch.autocast:
        """Return the context for the forward pass."""
        return torch.autocast(
            self.device.type, dtype=self.mixed or torch.bfloat16, enabled=self.mixed is not None
        )

    def scaler(self) -> torch.amp.GradScaler:
        """Return the scaler for the backward pass; only float16 needs one."""
        return torch.amp.GradScaler(self.device.type, enabled=self.mixed is torch.float16)
