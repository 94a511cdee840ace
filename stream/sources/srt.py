"""SRT connections (Secure Reliable Transport), through the library libsrt.

The FFmpeg in PyAV's wheels has no SRT. The library is loaded on first use; Debian and Ubuntu have
it as libsrt1.5-openssl or libsrt1.5-gnutls. Its functions are documented in its `docs/API`.
"""

import ctypes
import ctypes.util
import socket
import sys
from contextlib import suppress
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.sockets import Deadline

_LIBRARIES: Final = ("libsrt.so.1.5", "libsrt-openssl.so.1.5", "libsrt-gnutls.so.1.5")
# Names for `find_library`, which needs the files of developers on Linux.
_OTHER_LIBRARIES: Final = ("srt", "srt-openssl", "srt-gnutls")
# Enumerations of srt.h.
_RECEIVE_BLOCKING: Final = 2
_RECEIVE_TIMEOUT: Final = 14
_LATENCY: Final = 23
_PASSPHRASE: Final = 26
_CONNECT_TIMEOUT: Final = 36
_STREAM_ID: Final = 46
_ERROR_TIMEOUT: Final = 6003
_ERROR_CONNECTION_LOST: Final = 2001
_REJECTED_SECRETS: Final = (10, 11)
_REJECTED_BY_TIMEOUT: Final = 16
_REJECTED_BY_SERVER: Final = 1000  # and above: statuses of the server, 1401 for example
_MIN_PASSPHRASE: Final = 10
_MAX_PASSPHRASE: Final = 79
_PACKET_BYTES: Final = 1456  # maximum payload of a packet


class SrtReader:
    """Receiver of a stream over SRT, as a `ByteReader`.

    Args:
        url: `srt://host:port`, with the parameters `mode` (`caller` or `listener`), `passphrase`,
            `streamid` and `latency` (in microseconds, as in FFmpeg).
        name: URL as it is shown.
        deadline: Deadline of the connection and of all reads.

    Raises:
        SourceError: The library is missing, a parameter is invalid, or the sender rejects the
            connection.
        OSError: There is no sender.
    """

    def __init__(self, url: str, name: str, deadline: Deadline) -> None:
        self._name = name
        self._deadline = deadline
        self._library = load_library()
        options = _options(url, name)
        parts = urlsplit(url)
        listens = options.get("mode", "listener" if not parts.hostname else "caller") == "listener"
        address = _resolve(parts.hostname, parts.port or 0, listens=listens)
        self._buffer = ctypes.create_string_buffer(_PACKET_BYTES)
        self._socket = self._library.srt_create_socket()
        try:
            self._set_options(options)
            if listens:
                self._listen(address)
            else:
                self._connect(address)
        except BaseException:
            self.close()
            raise

    def read(self, size: int) -> bytes:
        """Wait for the next packet and return it; return no bytes if the sender has ended."""
        del size  # FFmpeg asks for at least 32 KiB, which is more than a packet.
        self._set(_RECEIVE_TIMEOUT, ctypes.c_int(_milliseconds(self._deadline)))
        received = self._library.srt_recvmsg(self._socket, self._buffer, _PACKET_BYTES)
        if received >= 0:
            return self._buffer.raw[:received]
        error = self._library.srt_getlasterror(None)
        if error == _ERROR_TIMEOUT:
            raise TimeoutError("no packet in time")
        if error == _ERROR_CONNECTION_LOST:
            return b""
        raise ConnectionError(f"SRT error {error}")

    def close(self) -> None:
        """Close the connection."""
        self._library.srt_close(self._socket)

    def _set_options(self, options: dict[str, str]) -> None:
        self._set(_RECEIVE_BLOCKING, ctypes.c_int(1))
        self._set(_CONNECT_TIMEOUT, ctypes.c_int(_milliseconds(self._deadline)))
        if "latency" in options:
            self._set(_LATENCY, ctypes.c_int(int(options["latency"]) // 1000))
        for option, key in ((_PASSPHRASE, "passphrase"), (_STREAM_ID, "streamid")):
            if key in options:
                self._set(option, ctypes.create_string_buffer(options[key].encode()), text=True)

    def _set(
        self,
        option: int,
        value: "ctypes.c_int | ctypes.Array[ctypes.c_char]",
        *,
        text: bool = False,
    ) -> None:
        # The length of a text excludes the zero byte at its end.
        size = ctypes.sizeof(value) - int(text)
        self._library.srt_setsockflag(self._socket, option, ctypes.byref(value), size)

    def _connect(self, address: bytes) -> None:
        if self._library.srt_connect(self._socket, address, len(address)) >= 0:
            return
        reason = self._library.srt_getrejectreason(self._socket)
        if reason in _REJECTED_SECRETS:
            raise SourceError(
                f"{self._name}: the sender rejects the passphrase, or one side has none; give "
                "both the same passphrase",
                Fault.AUTHENTICATION,
            )
        if reason >= _REJECTED_BY_SERVER:
            raise SourceUnavailableError(
                f"{self._name}: the sender rejects the connection (status "
                f"{reason % _REJECTED_BY_SERVER}); check the streamid",
                Fault.NOT_FOUND,
            )
        if reason == _REJECTED_BY_TIMEOUT or reason == 0:
            raise TimeoutError("no answer")
        raise ConnectionRefusedError(f"rejected with reason {reason}")

    def _listen(self, address: bytes) -> None:
        if self._library.srt_bind(self._socket, address, len(address)) < 0:
            raise SourceUnavailableError(
                f"{self._name}: the port cannot be used; another program may use it, or this "
                "machine does not have the address",
                Fault.REFUSED,
            )
        self._library.srt_listen(self._socket, 1)
        listeners = (ctypes.c_int * 1)(self._socket)
        accepted = -1
        while accepted < 0:
            # This raises a TimeoutError at the deadline.
            wait = _milliseconds(self._deadline)
            accepted = self._library.srt_accept_bond(listeners, 1, wait)
        self._library.srt_close(self._socket)
        self._socket = accepted


def _options(url: str, name: str) -> dict[str, str]:
    # The standard form of a stream id starts with an unencoded `#!::`.
    query = urlsplit(url.replace("#", "%23")).query
    options = {key: values[-1] for key, values in parse_qs(query).items()}
    if options.get("mode", "caller") not in ("caller", "listener"):
        raise SourceError(f"{name}: invalid mode; use mode=caller or mode=listener")
    if not options.get("latency", "0").isdecimal():
        raise SourceError(f"{name}: invalid latency; use a number of microseconds")
    length = len(options.get("passphrase", "x" * _MIN_PASSPHRASE).encode())
    if not _MIN_PASSPHRASE <= length <= _MAX_PASSPHRASE:
        raise SourceError(
            f"{name}: the passphrase has {length} bytes; use {_MIN_PASSPHRASE} to {_MAX_PASSPHRASE}"
        )
    return options


def _resolve(host: str | None, port: int, *, listens: bool) -> bytes:
    """Return the `sockaddr` of an address."""
    flags = socket.AI_PASSIVE if listens else 0
    found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_DGRAM, flags=flags)
    family, _, _, _, address = found[0]
    packed = socket.inet_pton(family, str(address[0]).partition("%")[0])
    # BSD has a byte for the length before a shorter family.
    header = family.to_bytes(2, sys.byteorder)
    if sys.platform == "darwin":
        header = bytes([28 if family is socket.AF_INET6 else 16, family])
    header += port.to_bytes(2, "big")
    if family is socket.AF_INET6:
        return header + bytes(4) + packed + bytes(4)
    return header + packed + bytes(8)


def _milliseconds(deadline: Deadline) -> int:
    return max(round(deadline.next_timeout() * 1000), 1)


@cache
def load_library() -> ctypes.CDLL:
    """Return the library, which stays loaded.

    Raises:
        SourceError: The library is not installed.
    """
    for name in (*_LIBRARIES, *map(ctypes.util.find_library, _OTHER_LIBRARIES)):
        if name:
            with suppress(OSError):
                library = ctypes.CDLL(name)
                library.srt_startup()
                library.srt_setloglevel(0)
                library.srt_accept_bond.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64]
                return library
    raise SourceError(
        "srt:// needs the library libsrt, which is not installed; on Debian and Ubuntu, run sudo "
        "apt-get install libsrt1.5-openssl"
    )
