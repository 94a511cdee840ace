import pytest

from tests.testbed.rtsp_server import find_free_port


@pytest.fixture
def free_port() -> int:
    """Return an unused port of 127.0.0.1."""
    return find_free_port()
