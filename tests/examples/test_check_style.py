from pathlib import Path

import pytest

from tests.examples.script import load_module

check_style = load_module(Path(__file__).parents[2] / "docs" / "check_style.py")

MODULE = '''"""Of a module."""

PORT = 1
"""What it listens on."""


class Server:
    """Server of pages."""

    def close(self):
        """
        Who closes it.
        """

    async def wait(self):
        """Where it waits."""
        return "What a text"
'''


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("as it was said", "said"),
        ("Nobody listens", "Nobody"),
        ("last_seen = 0", "seen"),
        ("LAST_SEEN = 0", "SEEN"),
        ("let lastSeen = 0;", "Seen"),
        ("on a thread of its own", "of its own"),
        ("which is to be closed", "is to be"),
        ("so many clients", "so many"),
    ],
)
def test_excluded_words_are_found_in_text_and_identifiers(text: str, found: str) -> None:
    problems = list(check_style.problems("page.md", f"A line.\n\n{text}\n"))
    assert problems == [f"page.md:3: {found!r}: name the component and what it does"]


def test_each_occurrence_is_reported() -> None:
    problems = check_style.problems("notes.txt", "told and heard\n\ntold\n")
    assert [problem.rpartition(":")[0] for problem in problems] == [
        "notes.txt:1: 'told'",
        "notes.txt:1: 'heard'",
        "notes.txt:3: 'told'",
    ]


def test_docstrings_of_modules_attributes_classes_and_functions_are_checked() -> None:
    problems = list(check_style.problems("module.py", MODULE))
    assert problems == [
        "module.py:1: docstring opens with 'Of': use a verb or a noun",
        "module.py:4: docstring opens with 'What': use a verb or a noun",
        "module.py:12: docstring opens with 'Who': use a verb or a noun",
        "module.py:16: docstring opens with 'Where': use a verb or a noun",
    ]


@pytest.mark.parametrize("name", ["module.py", "page.js"])
def test_long_modules_are_found(name: str) -> None:
    assert list(check_style.problems(name, "\n" * 401)) == [
        f"{name}:1: 401 lines: split the module; 400 are allowed"
    ]


def test_line_numbers_ignore_form_feeds() -> None:
    assert list(check_style.problems("page.md", "One\f line.\nsaid\n")) == [
        "page.md:2: 'said': name the component and what it does"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "page.md",
            "The aforesaid server is tolerated, unheard and unseen.\nThe owner is to blame.\n",
        ),
        ("page.md", "What happens next\n"),
        ("page.md", "\n" * 401),
        ("module.py", "\n" * 400),
        ("module.py", '"""Return the offset."""\n\nOFFSET = 1\n"""Whoops: a number."""\n'),
    ],
)
def test_similar_words_and_headings_are_accepted(name: str, text: str) -> None:
    assert list(check_style.problems(name, text)) == []
