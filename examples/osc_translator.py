"""Translate dancetype's OSC messages to the fixed addresses of QLab, grandMA3 or Resolume.

    pip install python-osc
    python osc_translator.py resolume 127.0.0.1:7000
    dancetype run --source stage=0 --osc 127.0.0.1:9000

Replace the addresses in RULES by those of your show.
"""

import argparse
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer
from pythonosc.udp_client import SimpleUDPClient

Value = str | float | int


@dataclass(frozen=True)
class Rule:
    """Translation of the messages of one address.

    Attributes:
        source: End of dancetype's address, after `/dancetype/<source>/`.
        target: Address of the other program.
        factor: Factor of the value; an integer factor gives an integer. If None, a message without
            a value is sent for 1, and nothing for other values.
    """

    source: str
    target: str
    factor: float | None = 1

    def translate(self, value: Value) -> list[Value] | None:
        """Return the values to send, or None to send nothing."""
        if isinstance(value, str):
            return None
        if self.factor is None:
            return [] if value == 1 else None
        return [type(self.factor)(value * self.factor)]


# No rule has `on/not_sure`, so the last look continues while the genre is unclear.
RULES: Final = {
    "qlab": [
        Rule("on/HO", "/cue/house/start", None),
        Rule("on/KR", "/cue/krump/start", None),
        Rule("on/no_person", "/cue/empty/start", None),
    ],
    # A key of an executor is pressed while the genre lasts; faders have the range 0 to 100.
    "grandma3": [
        Rule("on/HO", "/Page1/Key201"),
        Rule("on/KR", "/Page1/Key202"),
        Rule("on/no_person", "/Page1/Key203"),
        Rule("confidence", "/Page1/Fader204", 100.0),
    ],
    "resolume": [
        Rule("on/HO", "/composition/columns/1/connect"),
        Rule("on/KR", "/composition/columns/2/connect"),
        Rule("on/no_person", "/composition/columns/3/connect"),
        Rule("confidence", "/composition/layers/1/video/opacity", 1.0),
    ],
}


def main(arguments: list[str] | None = None) -> None:
    """Translate messages until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Translate dancetype's OSC messages.")
    parser.add_argument("program", choices=RULES, help="program that receives the messages")
    parser.add_argument("receiver", help="its address and port, such as 10.0.0.2:53000")
    parser.add_argument("--source", default="*", help="name of dancetype's source (default: all)")
    parser.add_argument("--port", type=int, default=9000, help="port for messages of dancetype")
    options = parser.parse_args(arguments)
    host, _, port = options.receiver.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"{options.receiver} is not an address and a port, such as 10.0.0.2:53000")
    client = SimpleUDPClient(host, int(port))
    dispatcher = Dispatcher()

    def send(_address: str, rules: list[Rule], value: Value) -> None:
        (rule,) = rules
        values = rule.translate(value)
        if values is not None:
            client.send_message(rule.target, values)

    for rule in RULES[options.program]:
        dispatcher.map(f"/dancetype/{options.source}/{rule.source}", send, rule)
    with BlockingOSCUDPServer(("127.0.0.1", options.port), dispatcher) as server:
        print(f"translating messages from port {server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
