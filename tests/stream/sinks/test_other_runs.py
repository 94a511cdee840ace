import logging

import pytest

from dancetype.stream.sinks.other_runs import OtherRuns
from tests.messages import make_prediction, make_source_message


def status(instance: str | None) -> bytes:
    return make_source_message(instance=instance).model_dump_json().encode()


@pytest.fixture
def runs() -> OtherRuns:
    runs = OtherRuns("broker", "dancetype/stage")
    runs.own_instance = "own"
    return runs


def test_another_run_is_answered_and_reported_once(
    runs: OtherRuns, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [runs.update(status(name)) for name in ("own", "other", "other", "third", "own")]
    assert answers == [False, True, False, True, False]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert runs.instances == {"other", "third"}


@pytest.mark.parametrize("payload", [b"stopped", b"offline"])
def test_end_of_another_run_is_answered_and_its_return_too(runs: OtherRuns, payload: bytes) -> None:
    runs.update(status("other"))
    assert runs.update(payload)
    assert runs.instances == set()
    assert runs.update(status("other"))


def test_run_of_a_version_without_ids_is_another_run(runs: OtherRuns) -> None:
    assert runs.update(status(None))
    assert not runs.update(status(None))


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"\xff", b'{"type": "source"}', b"stopped ", b"null"]
)
def test_other_payloads_are_ignored(runs: OtherRuns, payload: bytes) -> None:
    assert not runs.update(payload)
    assert runs.instances == set()


def test_no_run_is_detected_before_the_own_id_is_known() -> None:
    runs = OtherRuns("broker", "dancetype/stage")
    assert not runs.update(status("other"))
    assert not runs.update(make_prediction().model_dump_json().encode())
