"""Reader of AIST++ as the official download lays it out.

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
from dancetype.training.data.safe_pickle import load_arrays

FRAMES_PER_SECOND: Final = 60.0

_NAME = re.compile(
    r"g(?P<genre>[A-Z]{2})_s(?P<situation>BM|FM)_c(?P<camera>All|\d+)"
    r"_d(?P<dancer>\d+)_m(?P<music>[A-Z]{2}\d)_ch(?P<choreography>\d+)",
    re.ASCII,
)
_JUMP: Final = 0.25  # metres between two frames, 15 m/s: faster than a dancer's foot
_SPIKE: Final = 0.5  # metres away from where the joint was and will be a quarter second around
_LONGEST_MEND: Final = 15  # frames
_LARGEST_MENDED_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class SequenceName:
    """Parts of an AIST file name such as `gBR_sBM_cAll_d04_mBR0_ch02`.

    Attributes:
        text: The whole name.
        genre: Two-letter code.
        situation: "BM" (basic) or "FM" (advanced).
        choreography: Such as "ch02"; numbered within dancer, situation and genre.
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
            FileError: It has another form, or an unknown genre.
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
    """One recorded dance.

    Attributes:
        name: Parts of the file name.
        joints: (T, 17, 3) metres, Y up, in the axes of the motion capture; 60 frames per second.
    """

    name: SequenceName
    joints: Array

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds from the start."""
        return np.arange(len(self.joints)) / FRAMES_PER_SECOND

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return (len(self.joints) - 1) / FRAMES_PER_SECOND


def mend_jumps(joints: Array) -> tuple[Array, int]:
    """Interpolate joints (T, 17, 3) in metres that leap, and return them and how many there were.

    Triangulation of AIST++ fails in places, by centimetres or by 100 m, for a frame or for many.

    Raises:
        FileError: Too many joints leap, or for too long.
    """
    bad = _spikes(joints)
    for _ in range(_LONGEST_MEND):
        if _too_many(bad):
            break
        mended = _interpolated(joints, bad)
        steps = np.linalg.norm(np.diff(mended, axis=0), axis=-1) > _JUMP
        if not steps.any():
            return mended, int(bad.sum())
        bad[:-1] |= steps
        bad[1:] |= steps
    raise FileError(f"joints leap by over {_JUMP} m a frame in places too long to mend")


def _spikes(joints: Array) -> NDArray[np.bool_]:
    """(T, 17): joints far from their median over half a second."""
    half = _LONGEST_MEND
    padded = np.pad(joints, ((half, half), (0, 0), (0, 0)), mode="reflect")
    around = sliding_window_view(padded, 2 * half + 1, axis=0)
    away = np.linalg.norm(joints - np.median(around, axis=-1), axis=-1)
    spikes: NDArray[np.bool_] = away > 2 * _SPIKE
    near_jump = np.linalg.norm(np.diff(joints, axis=0), axis=-1) > _SPIKE
    spikes |= np.pad(near_jump, ((1, 0), (0, 0))) & (away > _SPIKE)
    return spikes


def _too_many(bad: NDArray[np.bool_]) -> bool:
    """True if more is bad than may be mended, or a joint has no good frame to mend it from."""
    return bool(bad.mean() > _LARGEST_MENDED_SHARE or bad.all(axis=0).any())


def _interpolated(joints: Array, bad: NDArray[np.bool_]) -> Array:
    mended = joints.copy()
    frames = np.arange(len(joints))
    for joint in np.flatnonzero(bad.any(axis=0)):
        good = ~bad[:, joint]
        for axis in range(3):
            mended[:, joint, axis] = np.interp(frames, frames[good], joints[good, joint, axis])
    return mended


def read_sequence(path: Path) -> AistSequence:
    """Read a pickle of `keypoints3d`: its `keypoints3d_optim`, or else its `keypoints3d`.

    Raises:
        FileError: The name, the pickle or its content cannot be used; the message names the file.
    """
    name = SequenceName.parse(path.stem)
    try:
        arrays = load_arrays(path)
    except OSError as error:
        raise FileError(str(error)) from error
    joints = arrays.get("keypoints3d_optim", arrays.get("keypoints3d"))
    if joints is None:
        raise FileError(f"{path}: holds neither keypoints3d_optim nor keypoints3d")
    if joints.ndim != 3 or joints.shape[1:] != (len(JOINTS), 3) or len(joints) < 2:
        raise FileError(f"{path}: shape {joints.shape}, expected (T, {len(JOINTS)}, 3)")
    metres = _filled(joints.astype(np.float32) / 100, path)
    try:
        return AistSequence(name, mend_jumps(metres)[0])
    except FileError as error:
        raise FileError(f"{path}: {error}") from error


def _filled(joints: Any, path: Path) -> Array:
    """Interpolate non-finite joints over short gaps."""
    bad = ~np.isfinite(joints).all(axis=-1)
    gap = _LONGEST_MEND + 1
    too_long = len(bad) >= gap and sliding_window_view(bad, gap, axis=0).all(axis=-1).any()
    if _too_many(bad) or too_long:
        raise FileError(f"{path}: {bad.mean():.1%} of the joints are not finite, or for too long")
    return _interpolated(joints, bad) if bad.any() else joints


def sequence_names(data: Path) -> list[str]:
    """Return the names of all sequences of a download that are not in its ignore list.

    Raises:
        FileError: There is no `keypoints3d` folder with pickles.
    """
    paths = sorted((data / "keypoints3d").glob("*.pkl"))
    if not paths:
        raise FileError(
            f"{data}: no keypoints3d/*.pkl; give the folder into which AIST++ was unpacked"
        )
    ignored = set(read_names(data / "ignore_list.txt"))
    return [path.stem for path in paths if path.stem not in ignored]


def read_names(path: Path) -> list[str]:
    """Return the lines of a list of sequences; none if there is no such file.

    Raises:
        FileError: It is not a text file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: not a list of sequences: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def read_sequences(
    data: Path, names: Iterable[str], *, on_drop: Callable[[str], None] = console.print
) -> list[AistSequence]:
    """Read sequences by name; report a line for each that cannot be used.

    Raises:
        FileError: None could be read.
    """
    sequences = []
    for name in names:
        try:
            sequences.append(read_sequence(data / "keypoints3d" / f"{name}.pkl"))
        except FileError as error:
            on_drop(f"dropped {error}")
    if not sequences:
        raise FileError(f"{data}: none of the sequences asked for could be read")
    return sequences
