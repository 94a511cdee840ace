"""Where a network is trained, and in how many bits."""

from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The device of a training, and its mixed precision.

    Attributes:
        device: holds network and batches.
        mixed: of what autocast computes in fewer bits; None where all is float32.
    """

    device: torch.device
    mixed: torch.dtype | None

    @classmethod
    def best(cls) -> Self:
        """What this machine does fastest; CUDA_VISIBLE_DEVICES= in the environment hides a GPU."""
        if torch.cuda.is_available():
            # GPUs before Ampere only pretend to have bfloat16, and cuDNN's LSTM not even that.
            real = torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(torch.device("cuda"), torch.bfloat16 if real else torch.float16)
        # PyTorch's LSTM in bfloat16 does not run at all on a processor without this.
        fast = torch.cpu.get_capabilities().get("avx512_bf16", False)
        return cls(torch.device("cpu"), torch.bfloat16 if fast else None)

    def autocast(self) -> torch.autocast:
        """For the forward pass."""
        return torch.autocast(
            self.device.type, dtype=self.mixed or torch.bfloat16, enabled=self.mixed is not None
        )

    def scaler(self) -> torch.amp.GradScaler:
        """For the backward pass: gradients would vanish in float16; else it changes nothing."""
        return torch.amp.GradScaler(self.device.type, enabled=self.mixed is torch.float16)
