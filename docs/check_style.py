"""Find words, docstring openings and long modules that the rules of CONTRIBUTING.md exclude.

python docs/check_style.py [FOLDER...]

Without folders, all text files of the repository are checked.
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
_MAX_LINES: Final = 400
_OPENINGS: Final = re.compile(r"\s*(What|Who|Where|Of)\b")
# Identifiers are split into words: `lastSeen`, `last_seen` and `LAST_SEEN` become "last seen".
_WORD_BOUNDARY: Final = re.compile(r"_|(?<=[a-z0-9])(?=[A-Z])")
_SUFFIXES: Final = frozenset(
    [".css", ".html", ".j2", ".js", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"]
)
# Files that quote the words to define the rules.
_EXCLUDED: Final = {"CONTRIBUTING.md", "docs/check_style.py", "tests/examples/test_check_style.py"}


def problems(name: str, text: str) -> Iterator[str]:
    """Yield `NAME:LINE: problem` for every violation in the text of a file, by line."""
    found = [
        (number, f"{word!r}: name the component and what it does")
        for number, line in enumerate(text.split("\n"), 1)
        for word in _WORDS.findall(_WORD_BOUNDARY.sub(" ", line))
    ]
    lines = text.count("\n")
    if name.endswith((".py", ".js")) and lines > _MAX_LINES:
        found.append((1, f"{lines} lines: split the module; {_MAX_LINES} are allowed"))
    if name.endswith(".py"):
        for number, opening in _openings(text):
            found.append((number, f"docstring opens with {opening!r}: use a verb or a noun"))
    for number, problem in sorted(found, key=lambda item: item[0]):
        yield f"{name}:{number}: {problem}"


def _openings(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first word of each faulty docstring, including those of attributes."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                opening = _OPENINGS.match(str(statement.value.value))
                if opening:
                    yield statement.lineno + opening[0].count("\n"), opening[1]


def main(folders: list[str]) -> int:
    """Print the problems in files of the given folders; return 1 if there are any."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    files = [name for name in names if name not in _EXCLUDED and _is_text(_ROOT / name)]
    found = [
        problem
        for name in files
        for problem in problems(name, (_ROOT / name).read_text(encoding="utf-8"))
    ]
    print("\n".join([*found, f"{len(found)} style problems in {len(files)} files"]))
    return bool(found)


def _is_text(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    return path.suffix in _SUFFIXES or (not path.suffix and b"\0" not in path.read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
