import os

import pytest

from dancetype.engine.cores import allowed_cores, within_quota


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", 8),
        ("400000 100000\n", 4),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("100000 0", 8),
    ],
)
def test_a_container_has_as_many_cores_as_its_quota_pays_for(quota: str, cores: int) -> None:
    assert within_quota(8, quota) == cores


def test_no_more_cores_are_taken_than_the_scheduler_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert allowed_cores() == 1
