import io

from rich.console import Console

from dancetype.engine.progress import ProgressLines


class FakeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_log_gets_lines_every_five_seconds() -> None:
    file, clock = io.StringIO(), FakeClock()
    with ProgressLines(Console(file=file), clock=clock) as progress:
        for second in range(13):
            clock.now = 100.0 + second
            progress.show([f"after {second}", "more"])
    assert file.getvalue() == "after 5\nmore\nafter 10\nmore\n"


def test_terminal_skips_updates_that_are_too_frequent() -> None:
    file, clock = io.StringIO(), FakeClock()
    with ProgressLines(Console(file=file, force_terminal=True), clock=clock) as progress:
        for tenths in (0, 1.5, 2.0, 2.6):
            clock.now = 100 + tenths / 10
            progress.show([f"after {tenths}"])
    output = file.getvalue()
    assert "after 1.5" in output
    assert "after 2.6" in output
    assert "after 0" not in output
    assert "after 2.0" not in output


def test_lines_are_printed_without_markup_and_wrapping() -> None:
    file, clock = io.StringIO(), FakeClock()
    with ProgressLines(Console(file=file, width=20), clock=clock) as progress:
        clock.now += 5
        progress.show(["[red]cam[/red]: a line longer than the console"])
    assert file.getvalue() == "[red]cam[/red]: a line longer than the console\n"
