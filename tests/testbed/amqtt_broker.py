"""A real broker for MQTT 3.1.1 only: amqtt, in a separate environment.

amqtt requires another version of websockets than dancetype does.
"""

import asyncio
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.testbed.mosquitto import HOST

_REQUIREMENT = "amqtt==0.12.1"
_BROKER = f"""
import asyncio, sys
from amqtt.broker import Broker

async def main():
    plugin = "amqtt.plugins.authentication.AnonymousAuthPlugin"
    listener = {{"type": "tcp", "bind": "{HOST}:" + sys.argv[1]}}
    broker = Broker({{"listeners": {{"default": listener}}, "plugins": {{plugin: {{}}}}}})
    await broker.start()
    print("running", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def install_amqtt(folder: Path) -> Path:
    """Install amqtt into an environment in `folder`; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", _REQUIREMENT], check=True)
    return python


@asynccontextmanager
async def amqtt_broker(python: Path, port: int) -> AsyncIterator[None]:
    """Run a broker that is ready when this is entered and killed when it is left."""
    broker = await asyncio.create_subprocess_exec(
        python, "-c", _BROKER, str(port), stdout=PIPE, stderr=DEVNULL
    )
    assert broker.stdout
    try:
        async with asyncio.timeout(60):
            assert await broker.stdout.readline() == b"running\n"
        yield
    finally:
        broker.kill()
        await broker.communicate()
