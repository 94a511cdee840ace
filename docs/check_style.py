"""Find words and docstring openings that the writing rules of CONTRIBUTING.md exclude.

`make check` runs this over every text file in the repository; `check_style.py engine docs` looks
into some folders.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_WORDS: Final = re.compile(
    r"\b(said|told|heard|seen|whoever|somebody|nobody|anew|likewise"
    r"|of (?:its|one's|his|her|their|my|your|our) own|(?:is|are) to be|so many)\b",
    re.IGNORECASE,
)
_OPENINGS: Final = re.compile(r"(What|Who|Where|Of)\b")
# Identifiers are split into words: `lastSeen`, `last_seen` and `LAST_SEEN` read "last seen".
_WORD_BOUNDARY: Final = re.compile(r"_|(?<=[a-z])(?=[A-Z])")
_SUFFIXES: Final = {
    *(".py", ".md", ".js", ".css", ".html", ".toml", ".yml", ".yaml", ".j2", ".json", ".sh", ".txt")
}
# Files that quote the words, because they define the rules.
_QUOTING: Final = {"CONTRIBUTING.md", "docs/check_style.py", "tests/examples/test_check_style.py"}


def problems(name: str, text: str) -> Iterator[str]:
    """Yield `NAME:LINE: problem` for every violation in the text of a file."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in _WORDS.findall(_WORD_BOUNDARY.sub(" ", line)):
            yield f"{name}:{number}: {word!r}: name the component and what it does"
    if name.endswith(".py"):
        for number, opening in _openings(text):
            yield f"{name}:{number}: docstring opens with {opening!r}: use a verb or a noun"


def _openings(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first word of each docstring, those below attributes included."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                opening = _OPENINGS.match(str(statement.value.value).strip())
                if opening:
                    yield statement.lineno, opening[0]


def main() -> int:
    """Print the problems; return 1 if there are any."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *sys.argv[1:]],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [
        problem
        for name in listed
        if name not in _QUOTING and (_ROOT / name).is_file() and _is_text(_ROOT / name)
        for problem in problems(name, (_ROOT / name).read_text(encoding="utf-8"))
    ]
    print("\n".join([*found, f"{len(found)} problems of style in {len(listed)} files"]))
    return bool(found)


def _is_text(path: Path) -> bool:
    return path.suffix in _SUFFIXES or (not path.suffix and b"\0" not in path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
