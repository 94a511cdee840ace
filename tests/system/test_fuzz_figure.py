import pytest

from tests.fuzz.fuzzing import example_counts, slow_fuzz_test
from tests.system.conftest import Figure

PARSERS = 23


def test_every_parser_was_fuzzed(figure: Figure) -> None:
    """Check the counts of the fuzz tests, which run earlier because of the folder order."""
    if len(example_counts) < PARSERS:
        pytest.skip("only after all of tests/fuzz")
    assert min(example_counts.values()) >= slow_fuzz_test.max_examples
    figure(
        "fuzzing",
        f"{len(example_counts)} parsers given {example_counts.total()} random and damaged inputs: "
        "only documented errors",
    )
