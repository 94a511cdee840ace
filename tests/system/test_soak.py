import os
from pathlib import Path

from benchmarks.soak import CUT_SECONDS, soak
from tests.system.conftest import Figure


def test_memory_threads_and_sockets_are_stable_through_all_faults(
    pose_model: Path, sample_clip: Path, tmp_path: Path, figure: Figure
) -> None:
    seconds = float(os.environ.get("DANCETYPE_SOAK_SECONDS", CUT_SECONDS))
    result = soak(tmp_path, seconds=seconds)
    assert not result.problems
    figure("soak", result.summary())
