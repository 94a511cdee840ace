import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def restore_log_handlers() -> Iterator[None]:
    """Remove the handlers that commands install, which would write during other tests."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in set(root.handlers).difference(before):
        root.removeHandler(handler)
