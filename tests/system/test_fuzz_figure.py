import pytest

from tests.fuzz.fuzzing import EXAMPLES, fuzzed_less
from tests.system.conftest import Figure

PARSERS = 22


def test_every_parser_was_fuzzed(figure: Figure) -> None:
    """After the fuzzers, which come before in the order of the folders."""
    if len(EXAMPLES) < PARSERS:
        pytest.skip("only after all of tests/fuzz")
    assert min(EXAMPLES.values()) >= fuzzed_less.max_examples
    figure(
        "fuzzing",
        f"{len(EXAMPLES)} parsers given {EXAMPLES.total()} made-up and damaged inputs: "
        "none but documented errors",
    )
