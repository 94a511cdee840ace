"""The table of OSC addresses in the reference, and the exact bytes that receivers get."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Any, Final

from pythonosc.osc_message import OscMessage

from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.rolling import Status
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.osc import OscSink
from tests.examples.script import load_example
from tests.messages import dancer, make_prediction, make_source_message

ROOT: Final = Path(__file__).parents[3]
REFERENCE: Final = ROOT / "docs" / "reference" / "protocol.md"
ROW: Final = re.compile(r"^\| `(/[^`]+)` \| (\w*) \| ([^|]+) \|", re.MULTILINE)
BASE: Final = "/dancetype/stage"


async def sent_datagrams(*messages: Message) -> list[bytes]:
    """Return the datagrams that the sink sends for messages, and at the end of the run."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        async with SinkFanOut([OscSink(f"127.0.0.1:{receiver.getsockname()[1]}")]) as sinks:
            for message in messages:
                await sinks.send(message)
        # A message that no sink sends ends the list.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"end", receiver.getsockname())
        datagrams = [await asyncio.to_thread(receiver.recv, 1000)]
        while datagrams[-1] != b"end":
            datagrams.append(await asyncio.to_thread(receiver.recv, 1000))
    return datagrams[:-1]


async def test_datagrams_have_exactly_these_bytes() -> None:
    none = dict.fromkeys(CODES, 0.0)
    datagrams = await sent_datagrams(
        make_source_message(SourceState.RUNNING),
        make_prediction(
            genre="HO", confidence=0.75, dancing=0.5, dancers=1, probabilities={**none, "HO": 0.75}
        ),
        make_prediction(status=Status.NO_PERSON, confidence=0.0, probabilities=none),
    )
    probabilities = [
        b"/dancetype/stage/probability/%b\0,f\0\0%b"
        % (code.encode(), b"\x3f\x40\0\0" if code == "HO" else b"\0\0\0\0")
        for code in CODES
    ]
    zeros = [datagram[:-4] + b"\0\0\0\0" for datagram in probabilities]
    assert datagrams == [
        b"/dancetype/stage/state\0\0,s\0\0running\0",
        # The prediction of a genre.
        b"/dancetype/stage/on/HO\0\0,f\0\0\x3f\x80\0\0",
        b"/dancetype/stage/status\0,s\0\0genre\0\0\0",
        b"/dancetype/stage/genre\0\0,s\0\0house\0\0\0",
        b"/dancetype/stage/confidence\0,f\0\0\x3f\x40\0\0",
        b"/dancetype/stage/dancing\0\0\0\0,f\0\0\x3f\0\0\0",
        *probabilities,
        b"/dancetype/stage/dancers\0\0\0\0,i\0\0\0\0\0\x01",
        # The prediction without a person.
        b"/dancetype/stage/on/HO\0\0,f\0\0\0\0\0\0",
        b"/dancetype/stage/on/no_person\0\0\0,f\0\0\x3f\x80\0\0",
        b"/dancetype/stage/status\0,s\0\0no_person\0\0\0",
        b"/dancetype/stage/genre\0\0,s\0\0\0\0\0\0",
        b"/dancetype/stage/confidence\0,f\0\0\0\0\0\0",
        b"/dancetype/stage/dancing\0\0\0\0,f\0\0\0\0\0\0",
        *zeros,
        b"/dancetype/stage/dancers\0\0\0\0,i\0\0\0\0\0\0",
        # The end of the run.
        b"/dancetype/stage/state\0\0,s\0\0stopped\0",
        b"/dancetype/stage/on/no_person\0\0\0,f\0\0\0\0\0\0",
        b"/dancetype/stage/status\0,s\0\0\0\0\0\0",
        b"/dancetype/stage/genre\0\0,s\0\0\0\0\0\0",
        b"/dancetype/stage/confidence\0,f\0\0\0\0\0\0",
        b"/dancetype/stage/dancing\0\0\0\0,f\0\0\0\0\0\0",
        *zeros,
        b"/dancetype/stage/dancers\0\0\0\0,i\0\0\0\0\0\0",
    ]


def in_range(address: str, value: Any, documented: str) -> bool:
    """Return whether a value is in the documented range."""
    if documented.startswith("0 to 1"):
        return bool(0 <= value <= 1)
    if documented.startswith("0 or more"):
        return bool(value >= 0)
    if documented.startswith("1 when"):
        return value in (0, 1)
    if documented.startswith("`state`"):
        return value in (*SourceState, "stopped")
    if documented.startswith("name of the genre"):
        return value in ("", *GENRES.values())
    # Empty while the source is not running.
    return value in ("", *re.findall(r"`(\w+)`", documented))


def documented_rows() -> dict[str, tuple[str, str]]:
    """Return type and range by address, from the table in the reference."""
    section = REFERENCE.read_text().split("\n## OSC\n")[1].split("\n## ")[0]
    return {address: (kind, values.strip()) for address, kind, values in ROW.findall(section)}


def documented_patterns() -> dict[str, re.Pattern[str]]:
    """Return a pattern that matches the addresses of each row."""
    return {
        address: re.compile(address.replace("<code>", r"\w+").replace("<rank>", r"\d+"))
        for address in documented_rows()
        if not address.endswith("...")
    }


def test_addresses_in_guides_and_examples_are_in_the_reference() -> None:
    guides = [ROOT / "docs" / "guides" / f"{name}.md" for name in ("integrations", "lighting")]
    text = "\n".join(path.read_text() for path in guides)
    used = set(re.findall(r"/dancetype/stage(/[\w/]+)", text))
    rules = load_example("osc_translator").RULES.values()
    used |= {f"/{rule.source}" for program in rules for rule in program}
    assert len(used) > 6
    patterns = documented_patterns().values()
    assert [each for each in used if not any(row.fullmatch(each) for row in patterns)] == []


async def test_each_address_is_in_the_reference_with_its_type_and_range() -> None:
    rows, patterns = documented_rows(), documented_patterns()
    dancers = dancer(1, "HO", dancing=0.8), dancer(2, status=Status.NOT_SURE, dancing=0.1)
    datagrams = await sent_datagrams(
        make_source_message(SourceState.RUNNING),
        make_prediction(genre="HO", dancing=0.8, dancers=dancers),
        make_prediction(status=Status.WARMING_UP, confidence=0.0),
        make_source_message(SourceState.RECONNECTING),
        make_prediction(genre="KR"),
    )
    found = set()
    for datagram in datagrams:
        message = OscMessage(datagram)
        (value,) = message.params
        address = message.address.removeprefix(BASE)
        (row,) = (
            row
            for row, pattern in patterns.items()
            if pattern.fullmatch(address)
            or (row != "/dancers" and pattern.fullmatch(re.sub(r"^/dancer/\d+", "", address)))
        )
        found.add(row)
        kind, documented = rows[row]
        assert datagram.split(b",", 1)[1][:1].decode() == kind, address
        assert in_range(address, value, documented), (address, value)
    assert found == patterns.keys()
