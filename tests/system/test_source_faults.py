"""Faults of one source, which must neither end nor slow down the others."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, captured_after
from tests.testbed.rtsp_server import HOST, AnsweringCamera

SECONDS: Final = 5.0
OTHER: Final = ("--source", "Main Stage/B\u00fchne=test:?fps=5")


def test_redirect_loop_is_limited_and_leaves_the_other_source_alone(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    location = f"Location: rtsp://{HOST}:{{port}}/again"
    with AnsweringCamera("302 Moved", location) as camera:
        source = f"cam=rtsp://{HOST}:{camera.port}/live?user=me&pw=Hunter2&Hunter2"
        with Command("--source", source, *OTHER, folder=tmp_path) as command:
            lost = command.wait_for_state(SourceState.RECONNECTING, within=10)
            assert "redirects more than 5 times" in str(lost.reason)
            start, requests = time.time(), camera.requests
            time.sleep(SECONDS)
            count = camera.requests - requests
            command.wait_for(captured_after(start), within=5)
            command.stop()
        outputs = (command.output, (tmp_path / "messages.jsonl").read_text())
    assert count <= 5 * SECONDS
    assert not [text for text in outputs if "Hunter2" in text]
    assert "Traceback" not in command.output
    figure("redirects", f"{count} requests in {SECONDS:g} s; the other source continued")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "n" * 101 + "=test:",
            "name 'nnnnnnnnnnnnnnnnnnnn'... has 101 characters; use at most",
        ),
        ("Main Stage=ftp://cam/", "the URI of 'Main Stage': ftp://cam/: ftp:// is not supported"),
    ],
)
def test_invalid_source_is_reported_in_one_line_before_the_run(source: str, reason: str) -> None:
    command = [sys.executable, "-m", "dancetype", "run", "--no-serve", "--source", source, *OTHER]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert reason in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not run.stdout
