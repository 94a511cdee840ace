import os
import subprocess
import sys

import pytest

from dancetype.stream.system import filter_native_stderr

NOISE = (
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"W0000 00:00:1795355730.506584    3728 inference_feedback_manager.cc:114] Feedback manager "
    b"requires a model with a single signature inference.\n",
    b"W0000 00:00:1795355731.005310    3727 landmark_projection_calculator.cc:78] Using\n",
)


def test_known_noise_of_native_libraries_is_removed(capfd: pytest.CaptureFixture[str]) -> None:
    with filter_native_stderr():
        for line in NOISE:
            os.write(2, line)
    assert capfd.readouterr().err == ""


def test_errors_of_native_libraries_pass_the_filter(capfd: pytest.CaptureFixture[str]) -> None:
    with filter_native_stderr():
        os.write(2, NOISE[0] + b"E0000 00:00:1.1 1 graph.cc:1] it broke\nno newline")
    assert capfd.readouterr().err == "E0000 00:00:1.1 1 graph.cc:1] it broke\nno newline"


def test_output_of_python_bypasses_the_filter() -> None:
    script = (
        "import os, sys; from dancetype.stream.system import filter_native_stderr\n"
        "with filter_native_stderr():\n"
        "    print('INFO: Created TensorFlow Lite XNNPACK delegate', file=sys.stderr)\n"
        "    assert sys.stderr.fileno() != 2\n"
    )
    run = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert run.stderr == "INFO: Created TensorFlow Lite XNNPACK delegate\n"


def test_stderr_is_restored_after_the_filter(capfd: pytest.CaptureFixture[str]) -> None:
    python = sys.stderr
    with pytest.raises(RuntimeError), filter_native_stderr():
        raise RuntimeError
    assert sys.stderr is python
    os.write(2, NOISE[0])
    assert capfd.readouterr().err == NOISE[0].decode()
