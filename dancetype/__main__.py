"""`python -m dancetype`: the same as the command `dancetype`."""

from dancetype.cli import main

main()
