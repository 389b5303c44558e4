"""Video files as frames in memory, and frames as a video file, by PyAV: pip install 'genimg-book[video]'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genimg._base.errors import UsageError

ENDINGS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv",
    ".ts", ".mts", ".m2ts", ".flv", ".3gp", ".vob",
)  # fmt: skip
SOUND = ("aac", "mp3", "mp2", "ac3", "eac3", "dca", "opus", "vorbis", "alac", "flac")  # what an MP4 file can hold
BT709 = 1  # in FFmpeg's lists of matrices, primaries and curves; of ranges, 1 is that of television


class Frame(NamedTuple):
    """A picture of a video, uint8 (h, w, 3), upright, and when it is shown, in units of the video's `base`."""

    pixels: NDArray[np.uint8]
    time: int


@dataclass(eq=False)
class Clip:
    """A video that is read."""

    container: Any  # PyAV's
    rate: Fraction  # frames per second, on average
    base: Fraction  # seconds per unit of time
    count: int  # how many frames there seem to be, 0 if the file does not say
    aspect: Fraction  # width of a pixel over its height, as it is stored
    video: Any
    sounds: list[Any]  # the tracks that `writing` keeps
    lost: list[str]  # what it does not keep, in words
    length: float  # in seconds, as the file says; 0 if it does not
    heard: list[Any] = field(default_factory=list)  # packets of sound that have come by since frames were last written
    turned: int = 0  # quarter turns of the frames, counterclockwise
    shown: float = 0.0  # seconds of video that have come by
    restarts: int = 0  # how often its clock went back

    def notes(self) -> list[str]:
        """What became of the file's other parts, once all frames have been read."""
        said = list(self.lost)
        if self.restarts:
            said.append("its clock starts again on the way; what follows was moved behind what came before")
        if self.length and self.shown < self.length - max(1.0, 0.05 * self.length):
            said.append(f"it ends after {self.shown:.1f} of {self.length:.1f} s: the file was cut")
        return said

    def frames(self) -> Iterator[Frame]:
        """All frames, in the order in which they are shown.

        Raises:
            UsageError: what FFmpeg says of a damaged file.
        """
        with _told("cannot be read to its end"):
            yield from self._frames()

    def _frames(self) -> Iterator[Frame]:
        video = self.video
        step, last, shift = max(1, round(1 / (self.rate * self.base))), None, 0
        first = None
        for packet in self.container.demux(video, *self.sounds):
            if packet.stream is not video:
                if packet.dts is not None:
                    self.heard.append(packet)
                continue
            for frame in packet.decode():
                due = 0 if last is None else last + step
                if frame.pts is None:
                    now = due
                else:
                    now = frame.pts + shift
                    if last is not None and now < last - round(0.5 / self.base):  # its clock has started again
                        shift += due - now
                        now, self.restarts = due, self.restarts + 1
                    elif last is not None:
                        now = max(now, last + 1)
                last, first = now, now if first is None else first
                # Counterclockwise, as phones turn what they film.
                self.turned = round(frame.rotation / 90) % 4
                self.shown = float((last - first + step) * self.base)
                yield Frame(np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), self.turned)), last)

    @property
    def upright(self) -> Fraction:
        """The aspect of a pixel of the frames that `frames` yields: upside down where they lay on their side."""
        return 1 / self.aspect if self.turned % 2 else self.aspect


@contextmanager
def reading(path: Path) -> Iterator[Clip]:
    """A video file, open while the block runs.

    Raises:
        UsageError: PyAV is missing, there is no picture, or what FFmpeg says of a file that it cannot read.
    """
    av = _av()
    with ExitStack() as stack:
        with _told("cannot be read as a video"):
            container = stack.enter_context(av.open(str(path)))
        # Some files carry the picture on a cover as a video of one frame.
        films = [v for v in container.streams.video if "attached_pic" not in str(getattr(v, "disposition", ""))]
        if not films:
            raise UsageError("has no film, only a cover picture" if container.streams.video else "has no pictures")
        video = films[0]
        video.thread_type = "AUTO"
        rate = Fraction(video.average_rate or video.guessed_rate or 25)
        base = Fraction(video.time_base or 1 / rate)
        length = video.duration * base if video.duration else (container.duration or 0) / Fraction(av.time_base)
        tracks = list(container.streams.audio)
        sounds = [track for track in tracks if track.codec_context and track.codec_context.name in SOUND]
        lost = []
        if len(tracks) > len(sounds):
            few = "the sound is" if not sounds else f"{len(tracks) - len(sounds)} of {len(tracks)} sound tracks are"
            lost.append(f"{few} of a kind that MP4 does not hold and {'were' if sounds else 'was'} left out")
        for more, what in ((films[1:], "further film"), (container.streams.subtitles, "track of subtitles")):
            if more:
                lost.append(f"{len(more)} {what}{'s' * (len(more) > 1 and what[-1] != 's')} left out")
        count, aspect = video.frames or round(length * rate), Fraction(video.sample_aspect_ratio or 1)
        yield Clip(container, rate, base, count, aspect, video, sounds, lost, float(length))


@contextmanager
def writing(path: Path, like: Clip) -> Iterator[Callable[[Frame], None]]:
    """Yields `write(frame)`: H.264 in 8 bits, chroma halved (yuv420p), in an MP4 file that can be played at once.

    Times, the shape of pixels and the sound tracks are those of `like`. H.264 takes even sides only, so that the
    last row or column of an odd one is repeated.

    Raises:
        UsageError: PyAV is missing; from `write` and at the end of the block, what FFmpeg says.
    """
    av = _av()
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=like.rate, options={"crf": "18"})
        sound = {track.index: container.add_stream_from_template(track) for track in like.sounds}

        def encode(picture: Any) -> None:
            with _told("cannot be written"):
                packets = video.encode(picture)
                for packet in like.heard:
                    packet.stream = sound[packet.stream.index]
                    container.mux(packet)
                like.heard.clear()
                container.mux(packets)

        def write(frame: Frame) -> None:
            h, w = frame.pixels.shape[:2]
            even = np.pad(frame.pixels, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
            if not video.codec_context.is_open:
                video.height, video.width = even.shape[:2]
                video.pix_fmt, video.codec_context.time_base = "yuv420p", like.base
                video.codec_context.sample_aspect_ratio = like.upright
                video.codec_context.colorspace = video.codec_context.color_primaries = BT709
                video.codec_context.color_trc = video.codec_context.color_range = BT709
            picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709"
            )
            picture.pts, picture.time_base = frame.time, like.base
            encode(picture)

        yield write
        if video.codec_context.is_open:
            encode(None)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except _av().FFmpegError as error:
        raise UsageError(f"{what} ({error.strerror})") from None


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise UsageError("videos need PyAV, which is not installed: pip install 'genimg-book[video]'") from None
    return av
