"""Sources that send video over a network or a pipe, decoded by FFmpeg."""

import ipaddress
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import av
import av.error
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.sampler import FrameRate
from dancetype.engine.media.video import ANY_METADATA, find_video_stream, realtime_threads
from dancetype.stream.sources.base import DEFAULT_TIMEOUT, Frame
from dancetype.stream.sources.faults import source_error
from dancetype.stream.sources.http import HttpClient
from dancetype.stream.sources.pipe import PipeReader
from dancetype.stream.sources.rtsp_redirects import resolve_redirects
from dancetype.stream.sources.sockets import ByteReader, Deadline
from dancetype.stream.sources.srt import SrtReader
from dancetype.stream.sources.stream_frames import StreamFrames
from dancetype.stream.sources.uri import SourceKind, SourceUri

VideoPacket: TypeAlias = "av.Packet[VideoStream]"

# Time-outs of the whole handshake and of a whole packet, as multiples of the time-out of one
# response, which alone would not catch a camera that sends a packet byte by byte.
_OPEN_TIMEOUT_FACTOR: Final = 2
_READ_TIMEOUT_FACTOR: Final = 1.2
# FFmpeg waits three times for the first packet.
_UDP_TIMEOUT_FACTOR: Final = 0.8

# Seconds to wait for a sender that connects to this machine. Between two attempts it could not.
_SENDER_TIMEOUT: Final = 10.0

# Protocols that FFmpeg may open, also for what a stream refers to. All others are opened here.
_PROTOCOLS: Final = {
    SourceKind.RTSP: "rtsp,rtsps,rtp,srtp,tcp,tls,udp",
    SourceKind.RTMP: "rtmp,rtmps,tcp,tls",
    SourceKind.UDP: "udp",
}
_NO_PROTOCOL: Final = "none"
_FORMATS: Final = {
    SourceKind.RTSP: "rtsp",
    SourceKind.RTMP: "flv",
    SourceKind.UDP: "mpegts",
    SourceKind.SRT: "mpegts",
}
# Formats of pipes and of HTTP, where FFmpeg has to guess. None of them refers to other files.
_CONTAINERS: Final = "mpegts,matroska,webm,flv,mov,mp4,avi,nut,h264,hevc,mjpeg,yuv4mpegpipe,ogg"
# What the segments of a playlist consist of, in addition.
_SEGMENTS: Final = f"hls,{_CONTAINERS},aac,mp3,ac3,eac3,webvtt"

_RTSP_OPTIONS: Final = {
    # UDP loses parts of images, and firewalls block it.
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
}
_HLS_OPTIONS: Final = {
    # FFmpeg would keep connections, which it cannot with those opened here.
    "http_persistent": "0",
    # The extension of a segment is of no importance, since its formats are limited.
    "extension_picky": "0",
    "allowed_segment_extensions": "ALL",
    # One segment more than is played, so that the next one is there in time.
    "live_start_index": "-2",
}
_COMMON_OPTIONS: Final = {
    # By default FFmpeg analyzes the first seconds of the video; its description suffices.
    "analyzeduration": str(int(1e6)),
    "fpsprobesize": "0",
}
_PLAYLISTS: Final = (".m3u8", ".m3u")
_MULTIPART: Final = "multipart/x-mixed-replace"
_MAX_WIDTH: Final = 1280  # of the variants of a stream, since larger ones do not improve poses
_MAX_WAIT: Final = 1.0


class NetworkSource:
    """Network camera, stream or pipe.

    Args:
        uri: URI of the stream, with credentials if it needs any.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        timeout: Seconds to wait for a response or the next packet.
        fps: Maximum number of frames per second to return; all frames if None.

    Raises:
        SourceUnavailableError: The sender does not respond, or sends nothing at the moment.
        SourceError: The sender rejects the credentials, or its video cannot be decoded.
    """

    live = True

    def __init__(
        self,
        uri: SourceUri,
        *,
        epoch: int,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = DEFAULT_TIMEOUT,
        fps: FrameRate | None = None,
    ) -> None:
        self._name = str(uri)
        self._uri = uri
        self._clock = clock
        self._timeout = timeout
        self._deadline = Deadline(_OPEN_TIMEOUT_FACTOR * timeout, timeout)
        self._pacer: Pacer | None = None
        self._reader: ByteReader | None = None
        self._container = self._open()
        stream = self._choose_stream()
        stream.thread_count = realtime_threads(stream)
        packets = self._packets(stream)
        self._frames = StreamFrames(packets, stream, epoch=epoch, clock=clock, fps=fps)

    def read(self) -> Frame:
        """Return the next frame."""
        start = self._clock()
        try:
            frame = self._frames.read()
        except (OSError, av.error.FFmpegError) as error:
            raise self._source_error(error, start) from None
        if frame is None:
            raise SourceUnavailableError(f"{self._name}: the stream has ended", Fault.ENDED)
        return frame

    def close(self) -> None:
        """Close the connection."""
        self._frames.close()
        self._container.close()
        self._close_reader()

    def _open(self) -> InputContainer:
        start = self._clock()
        try:
            return self._open_container()
        except BaseException as error:
            self._close_reader()
            # FFmpeg's error contains the URL with the password, so it must not be chained.
            if isinstance(error, OSError | av.error.FFmpegError):
                raise self._source_error(error, start) from None
            raise

    def _open_container(self) -> InputContainer:
        url = self._uri.address
        match self._uri.kind:
            case SourceKind.RTSP:
                url = resolve_redirects(url, self._name, self._deadline)
                return self._open_url(
                    url, _RTSP_OPTIONS | {"timeout": _microseconds(self._timeout)}
                )
            case SourceKind.RTMP:
                return self._open_url(url, {"rw_timeout": _microseconds(self._timeout)})
            case SourceKind.UDP:
                timeout = _microseconds(_UDP_TIMEOUT_FACTOR * self._timeout)
                return self._open_url(url, {"timeout": timeout} | _local_address(url))
            case SourceKind.HTTP:
                return self._open_http(url)
            case SourceKind.SRT:
                self._deadline.set(_SENDER_TIMEOUT)
                self._reader = SrtReader(url, self._name, self._deadline)
                self._deadline.set(_OPEN_TIMEOUT_FACTOR * self._timeout)
                return self._open_reader(self._reader)
            case _:
                self._deadline.set(_SENDER_TIMEOUT)
                self._reader = PipeReader(url, self._deadline)
                self._pacer = Pacer(self._clock)
                return self._open_reader(self._reader)

    def _open_http(self, url: str) -> InputContainer:
        client = HttpClient(url, self._name, self._deadline)
        body = client.first
        if body.media_type == _MULTIPART:
            self._reader = body
            return self._open_reader(body, "mpjpeg")
        self._pacer = Pacer(self._clock)
        path = urlsplit(body.url).path.lower()
        if "mpegurl" not in body.media_type and not path.endswith(_PLAYLISTS):
            self._reader = body
            return self._open_reader(body)
        playlist: InputContainer = av.open(
            body.url,
            format="hls",
            io_open=client.open_nested,
            options=_COMMON_OPTIONS | _HLS_OPTIONS | {"format_whitelist": _SEGMENTS},
            timeout=self._timeouts,
            **ANY_METADATA,
        )
        return playlist

    def _open_url(self, url: str, options: dict[str, str]) -> InputContainer:
        kind = self._uri.kind
        options = _COMMON_OPTIONS | {"protocol_whitelist": _PROTOCOLS[kind]} | options
        container: InputContainer = av.open(
            url,
            format=_FORMATS[kind],
            options=options,
            timeout=self._timeouts,
            **ANY_METADATA,
        )
        return container

    def _open_reader(self, reader: ByteReader, name: str | None = None) -> InputContainer:
        options = _COMMON_OPTIONS | {"protocol_whitelist": _NO_PROTOCOL}
        name = name or _FORMATS.get(self._uri.kind)
        if name is None:
            options["format_whitelist"] = _CONTAINERS
        container: InputContainer = av.open(
            reader, "r", format=name, options=options, **ANY_METADATA
        )
        return container

    @property
    def _timeouts(self) -> tuple[float, float]:
        return _OPEN_TIMEOUT_FACTOR * self._timeout, _READ_TIMEOUT_FACTOR * self._timeout

    def _choose_stream(self) -> VideoStream:
        """Return the video to decode, of several variants the best one; discard the others."""
        streams = [stream for stream in self._container.streams.video if stream.codec_context]
        is_playlist = self._container.format.name == "hls"
        chosen = (
            max(streams, key=lambda stream: _preference(stream.codec_context.width), default=None)
            if is_playlist
            else find_video_stream(self._container)
        )
        if chosen is None:
            self._container.close()
            self._close_reader()
            raise SourceError(
                f"{self._name}: sends no video that can be decoded; set the camera to H.264",
                Fault.CODEC,
            )
        for stream in self._container.streams:
            if stream is not chosen:
                stream.discard = Discard.all
        return chosen

    def _close_reader(self) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None

    def _packets(self, stream: VideoStream) -> Generator[VideoPacket]:
        """Yield the packets of the video, those that arrive early when they are due."""
        packets = self._container.demux(stream)
        while True:
            self._deadline.set(_READ_TIMEOUT_FACTOR * self._timeout)
            packet = next(packets, None)
            if packet is None:
                return
            if self._pacer and packet.dts is not None and packet.time_base:
                self._pacer.wait_until_due(float(packet.dts * packet.time_base))
            yield packet

    def _source_error(self, error: OSError | av.error.FFmpegError, start: float) -> SourceError:
        """Return the `SourceError` for an error since `start`, without credentials."""
        seconds = self._clock() - start
        return source_error(
            self._name, self._uri.kind, error, seconds=seconds, timeout=self._timeout
        )


class Pacer:
    """Clock that holds packets back which arrive before they are due, as those of a segment do.

    Args:
        clock: Monotonic clock in seconds.
        sleep: Function that waits for some seconds.
    """

    def __init__(
        self, clock: Callable[[], float], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._offset: float | None = None

    def wait_until_due(self, stamp: float) -> None:
        """Wait for a packet with a timestamp in seconds."""
        now = self._clock()
        # A longer pause is a new beginning of the stream, or its sender was too slow.
        if self._offset is None or abs(self._offset + stamp - now) > _MAX_WAIT:
            self._offset = now - stamp
        self._sleep(max(self._offset + stamp - now, 0.0))


def _preference(width: int) -> tuple[bool, int]:
    return (True, width) if width <= _MAX_WIDTH else (False, -width)


def _microseconds(seconds: float) -> str:
    return str(int(seconds * 1e6))


def _local_address(url: str) -> dict[str, str]:
    """Return the option that limits reception to the address in a UDP URL, if it is of a host."""
    host = urlsplit(url).hostname
    with suppress(ValueError):
        if host and not ipaddress.ip_address(host).is_multicast:
            return {"localaddr": host}
    return {}
