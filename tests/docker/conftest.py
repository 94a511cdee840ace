import pytest

from tests.testbed.rtsp_server import a_free_port


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return a_free_port()
