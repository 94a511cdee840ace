import pytest

from tests.testbed.rtsp_server import find_free_port


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return find_free_port()
