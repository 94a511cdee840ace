"""Reader of AIST++ in the layout of the official download.

Source: Li et al., "AI Choreographer: Music Conditioned 3D Dance Generation with AIST++", ICCV 2021,
on the AIST Dance Video Database (Tsuchida et al., ISMIR 2019); annotations CC BY 4.0.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.progress import console
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.text import read_text
from dancetype.training.data.safe_pickle import load_arrays

FRAMES_PER_SECOND: Final = 60.0

_NAME = re.compile(
    r"g(?P<genre>[A-Z]{2})_s(?P<situation>BM|FM)_c(?P<camera>All|\d+)"
    r"_d(?P<dancer>\d+)_m(?P<music>[A-Z]{2}\d)_ch(?P<choreography>\d+)",
    re.ASCII,
)
_JUMP: Final = 0.25  # metres between two frames, or 15 m/s: faster than a dancer's foot
_SPIKE: Final = 0.5  # metres from the joint's median over a quarter second before and after
_LONGEST_REPAIR: Final = 15  # frames
_LARGEST_REPAIRED_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class SequenceName:
    """Parts of an AIST file name such as `gBR_sBM_cAll_d04_mBR0_ch02`.

    Attributes:
        text: Complete name.
        genre: Two-letter code.
        situation: "BM" (basic) or "FM" (advanced).
        dancer: Dancer, such as "d04".
        music: Piece of music, such as "mBR0".
        choreography: Choreography, such as "ch02"; numbered by dancer, situation and genre.
    """

    text: str
    genre: str
    situation: str
    dancer: str
    music: str
    choreography: str

    @classmethod
    def parse(cls, text: str) -> "SequenceName":
        """Parse a name.

        Raises:
            FileError: The name has another form, or an unknown genre.
        """
        match = _NAME.fullmatch(text)
        if match is None or match["genre"] not in CODES:
            raise FileError(f"{text}: not an AIST sequence name")
        return cls(
            text,
            match["genre"],
            match["situation"],
            f"d{match['dancer']}",
            f"m{match['music']}",
            f"ch{match['choreography']}",
        )


@dataclass(frozen=True, slots=True)
class AistSequence:
    """Motion capture of one dance.

    Attributes:
        name: Parts of the file name.
        joints: (T, 17, 3) metres, Y up, in the axes of the motion capture; 60 frames per second.
    """

    name: SequenceName
    joints: Array

    @property
    def times(self) -> NDArray[np.float64]:
        """Time of each frame (T,), in seconds from the start."""
        return np.arange(len(self.joints)) / FRAMES_PER_SECOND

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return (len(self.joints) - 1) / FRAMES_PER_SECOND


def repair_jumps(joints: Array) -> tuple[Array, int]:
    """Interpolate joints (T, 17, 3) in metres over jumps; return them and the number repaired.

    The triangulation of AIST++ is wrong in places, by centimetres or by 100 m, for one frame or
    for many.

    Raises:
        FileError: Too many joints jump, or the jumps last too long.
    """
    bad = _find_spikes(joints)
    for _ in range(_LONGEST_REPAIR):
        if not _is_repairable(bad):
            break
        repaired = _interpolate(joints, bad)
        jumps = np.linalg.norm(np.diff(repaired, axis=0), axis=-1) > _JUMP
        if not jumps.any():
            return repaired, int(bad.sum())
        bad[:-1] |= jumps
        bad[1:] |= jumps
    raise FileError(f"joints jump by more than {_JUMP} m per frame over too many frames to repair")


def _find_spikes(joints: Array) -> NDArray[np.bool_]:
    """Return a mask (T, 17) of joints far from their median over half a second."""
    half = _LONGEST_REPAIR
    padded = np.pad(joints, ((half, half), (0, 0), (0, 0)), mode="reflect")
    neighbours = sliding_window_view(padded, 2 * half + 1, axis=0)
    distance = np.linalg.norm(joints - np.median(neighbours, axis=-1), axis=-1)
    spikes: NDArray[np.bool_] = distance > 2 * _SPIKE
    after_jump = np.linalg.norm(np.diff(joints, axis=0), axis=-1) > _SPIKE
    spikes |= np.pad(after_jump, ((1, 0), (0, 0))) & (distance > _SPIKE)
    return spikes


def _is_repairable(bad: NDArray[np.bool_]) -> bool:
    """Return False if too many joints are bad, or a joint is bad in all frames."""
    return not (bad.mean() > _LARGEST_REPAIRED_SHARE or bad.all(axis=0).any())


def _interpolate(joints: Array, bad: NDArray[np.bool_]) -> Array:
    """Return joints (T, 17, 3) with those in the mask `bad` (T, 17) interpolated over time."""
    repaired = joints.copy()
    frames = np.arange(len(joints))
    for joint in np.flatnonzero(bad.any(axis=0)):
        good = ~bad[:, joint]
        for axis in range(3):
            repaired[:, joint, axis] = np.interp(frames, frames[good], joints[good, joint, axis])
    return repaired


def read_sequence(path: Path) -> AistSequence:
    """Read the `keypoints3d_optim` of a pickle, or its `keypoints3d` if it has no optimised ones.

    Raises:
        FileError: The name, the pickle or its content is invalid; the message names the file.
    """
    name = SequenceName.parse(path.stem)
    try:
        arrays = load_arrays(path)
    except OSError as error:
        raise FileError(str(error)) from error
    joints = arrays.get("keypoints3d_optim", arrays.get("keypoints3d"))
    if joints is None:
        raise FileError(f"{path}: contains neither keypoints3d_optim nor keypoints3d")
    if joints.ndim != 3 or joints.shape[1:] != (len(JOINTS), 3) or len(joints) < 2:
        raise FileError(f"{path}: shape {joints.shape}, expected (T, {len(JOINTS)}, 3)")
    metres = _fill_gaps(joints.astype(np.float32) / 100, path)
    try:
        return AistSequence(name, repair_jumps(metres)[0])
    except FileError as error:
        raise FileError(f"{path}: {error}") from error


def _fill_gaps(joints: Any, path: Path) -> Array:
    """Interpolate non-finite joints over short gaps."""
    bad = ~np.isfinite(joints).all(axis=-1)
    gap = _LONGEST_REPAIR + 1
    too_long = len(bad) >= gap and sliding_window_view(bad, gap, axis=0).all(axis=-1).any()
    if too_long or not _is_repairable(bad):
        raise FileError(
            f"{path}: {bad.mean():.1%} of the joints are not finite; the gaps are too many or too "
            "long to repair"
        )
    return _interpolate(joints, bad) if bad.any() else joints


def sequence_names(data: Path) -> list[str]:
    """Return the names of all sequences in an AIST++ folder that are not in its ignore list.

    Raises:
        FileError: The folder has no `keypoints3d` folder with pickles.
    """
    paths = sorted((data / "keypoints3d").glob("*.pkl"))
    if not paths:
        raise FileError(
            f"{data}: no keypoints3d/*.pkl; use the folder that AIST++ was unpacked into"
        )
    ignored = set(read_names(data / "ignore_list.txt"))
    return [path.stem for path in paths if path.stem not in ignored]


def read_names(path: Path) -> list[str]:
    """Return the names in a list of sequences; empty if the file does not exist.

    Raises:
        FileError: The file is not a text file.
    """
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a list of sequences: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def read_sequences(
    data: Path, names: Iterable[str], *, on_drop: Callable[[str], None] = console.print
) -> list[AistSequence]:
    """Read sequences by name; call `on_drop` with a line for each that cannot be used.

    Raises:
        FileError: None of the sequences can be used.
    """
    sequences = []
    for name in names:
        try:
            sequences.append(read_sequence(data / "keypoints3d" / f"{name}.pkl"))
        except FileError as error:
            on_drop(f"dropped {error}")
    if not sequences:
        raise FileError(f"{data}: none of the requested sequences can be read")
    return sequences
