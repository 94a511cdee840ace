import pytest

from tests.fuzz.fuzzing import EXAMPLES, fuzzed_less
from tests.system.conftest import Figure

PARSERS = 22


def test_every_parser_was_fuzzed(figure: Figure) -> None:
    """Check the counts of the fuzz tests, which run earlier because of the folder order."""
    if len(EXAMPLES) < PARSERS:
        pytest.skip("only after all of tests/fuzz")
    assert min(EXAMPLES.values()) >= fuzzed_less.max_examples
    figure(
        "fuzzing",
        f"{len(EXAMPLES)} parsers given {EXAMPLES.total()} random and damaged inputs: "
        "only documented errors",
    )
