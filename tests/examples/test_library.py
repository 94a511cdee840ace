import subprocess
import sys
from pathlib import Path

from tests.examples.script import EXAMPLES, Script


def test_library_example_classifies_a_clip(shared: Path, pose_model: Path) -> None:
    clip = shared / "data" / "videos" / "solo_portrait_24fps.mp4"
    result = subprocess.run(
        [sys.executable, EXAMPLES / "library.py", clip], capture_output=True, text=True, check=True
    )
    genre, _, confidence = result.stdout.strip().partition(" (")
    assert genre.isupper()
    assert confidence.endswith("%)")


def test_library_example_watches_a_live_source(pose_model: Path) -> None:
    with Script(EXAMPLES / "library.py", "--live", "test:") as script:
        assert script.line("warming_up", within=60) == "warming_up (0%)"
