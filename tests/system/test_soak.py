import os
from pathlib import Path

from benchmarks.soak import CUT_SECONDS, soak
from tests.system.conftest import Figure


def test_through_faults_of_all_kinds_nothing_grows_and_nothing_is_left_behind(
    pose_model: Path, sample_clip: Path, tmp_path: Path, figure: Figure
) -> None:
    seconds = float(os.environ.get("DANCETYPE_SOAK_SECONDS", CUT_SECONDS))
    result = soak(tmp_path, seconds=seconds)
    assert not result.problems
    figure("soak", result.summary())
