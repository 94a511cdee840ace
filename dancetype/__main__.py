"""Run `python -m dancetype`, which is the same as the command `dancetype`."""

from dancetype.cli import main

main()
