"""What passes between the judge and an answer: frames of JSON and bytes. Plain numbers, arrays and text; no pickles.

Whoever reads a frame believes nothing of it: sizes are compared with limits before anything is allocated, arrays are
of types on a list, and what is nested too deeply or does not fit together is `Nonsense`. A thing that is no data, such
as a function, stays where it is and is named by a number.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genimg.gan.networks.known import KNOWN

TEXT, BYTES = 2**20, 2**26
"""The most of one frame: its JSON, and the bytes of its arrays."""
DEEP = 32
"""How far tuples and dictionaries may be nested."""
LONG = 64
"""A list of more numbers than that travels as an array."""
KINDS = {
    name: np.dtype(name)
    for name in ("bool", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)), "float16", "float32", "float64",
                 "complex64")
}  # fmt: skip
Keep = Callable[[object], int]
Things = Callable[[int, str, bool], object]
Grown = Callable[[Tensor, int], Tensor]


class Nonsense(Exception):
    """What arrived is no message."""


class Closed(Exception):
    """The other end is gone."""


class Late(Exception):
    """The time is up."""


class Line:
    """One end of a connection, which sends and receives frames."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.deadline: float | None = None

    def send(self, message: Mapping[str, Any], blob: bytes | bytearray = b"") -> None:
        """Sends one frame.

        Raises:
            Nonsense: if it is larger than a frame may be.
            Closed: if nobody is there.
            Late: after `deadline`, by `time.monotonic`.
        """
        text = json.dumps(message).encode()
        if len(text) > TEXT or len(blob) > BYTES:
            raise Nonsense(f"more than {TEXT if len(text) > TEXT else BYTES} bytes at once")
        try:
            self.end.settimeout(self._left())
            self.end.sendall(struct.pack("!II", len(text), len(blob)) + text + blob)
        except TimeoutError:
            raise Late from None
        except OSError:
            raise Closed from None

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next frame: a dictionary, and the bytes of its arrays.

        Raises:
            Nonsense, Closed, Late: see `send`.
        """
        text_size, blob_size = struct.unpack("!II", self._exactly(8))
        if text_size > TEXT or blob_size > BYTES:
            raise Nonsense("a frame larger than any may be")
        text, blob = self._exactly(text_size), self._exactly(blob_size)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise Nonsense("no JSON") from None
        if not isinstance(message, dict):
            raise Nonsense("no message")
        return message, blob

    def close(self) -> None:
        """Hangs up."""
        self.end.close()

    def _exactly(self, count: int) -> bytes:
        found = bytearray()  # grows with what has come, not with what was announced
        while len(found) < count:
            try:
                self.end.settimeout(self._left())
                part = self.end.recv(min(count - len(found), 2**20))
            except TimeoutError:
                raise Late from None
            except OSError:
                raise Closed from None
            if not part:
                raise Closed
            found += part
        return bytes(found)

    def _left(self) -> float | None:
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def pack(value: object, blob: bytearray, keep: Keep, depth: int = 0) -> Any:
    """A value as JSON, its arrays appended to `blob`.

    Args:
        value: numbers, text, tensors, arrays, tuples, lists and dictionaries of these; generators of random numbers;
            networks of `genimg.gan.networks.known`.
        keep: gives the number under which this side keeps a thing that is none of these, or a tensor with a gradient.

    Raises:
        Nonsense: nested too deeply.
    """
    if depth > DEEP:
        raise Nonsense("nested too deeply")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int):
        return int(value) if abs(value) < 2**1000 else {"t": "float", "v": "inf" if value > 0 else "-inf"}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"t": "float", "v": repr(float(value))}
    if isinstance(value, str):
        return {"t": "text", "v": value[: TEXT // 16]}
    if isinstance(value, complex):
        return {"t": "complex", "v": repr(complex(value))}
    if isinstance(value, torch.Generator):
        return {"t": "rng", "state": _array(value.get_state().numpy(), blob)}
    if type(value) in KNOWN.values():
        return {"t": "critic", "kind": type(value).__name__, "weight": pack(value.weight, blob, keep, depth + 1)}  # type: ignore[attr-defined]
    if isinstance(value, Tensor):
        plain = Tensor.detach(value).cpu()
        plain = plain.float() if plain.dtype == torch.bfloat16 else plain
        packed = {"t": "tensor", **_array(plain.to_dense().numpy() if plain.is_sparse else plain.numpy(), blob)}
        return {**packed, "grown": keep(value)} if value.requires_grad else packed
    if isinstance(value, np.ndarray):
        if str(value.dtype) in KINDS:
            return {"t": "array", **_array(value, blob)}
        value = value.tolist()
        return pack(value, blob, keep, depth)
    if isinstance(value, range):
        value = list(value[: TEXT // 8])
    if isinstance(value, tuple | list):
        if len(value) > LONG and all(type(x) is float or (type(x) is int and abs(x) < 2**53) for x in value):
            return {"t": "numbers", **_array(np.asarray(value, dtype=np.float64), blob)}
        parts = [pack(part, blob, keep, depth + 1) for part in value]
        names = [str(name) for name in getattr(value, "_fields", ())]
        return {"t": "list" if isinstance(value, list) else "tuple", "v": parts, "names": names}
    if isinstance(value, Mapping):
        pairs = [[pack(key, blob, keep, depth + 1), pack(item, blob, keep, depth + 1)] for key, item in value.items()]
        return {"t": "dict", "v": pairs}
    return {"t": "thing", "id": keep(value), "kind": type(value).__name__[:80], "calls": callable(value)}


def _array(value: np.ndarray[Any, Any], blob: bytearray) -> dict[str, Any]:
    if value.dtype == np.complex128:
        value = value.astype(np.complex64)
    whole = np.ascontiguousarray(value)
    if str(whole.dtype) not in KINDS:
        raise Nonsense(f"an array of {whole.dtype}")
    blob += b"\0" * (-len(blob) % 16)
    at = len(blob)
    blob += whole.tobytes()
    return {"dtype": str(whole.dtype), "shape": list(value.shape), "at": at}


class Named(tuple[Any, ...]):
    """A tuple whose parts have names too, as that of a NamedTuple."""

    names: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            return self[self.names.index(name)]
        raise AttributeError(name)


def unpack(told: Any, blob: bytes, things: Things, grown: Grown = lambda plain, number: plain, depth: int = 0) -> Any:
    """The value that `pack` was given, checked in every part.

    Args:
        things: gives what stands for the thing of that number, of that kind, which can be called or not.
        grown: gives the tensor with that number whose gradient the other side knows.

    Raises:
        Nonsense: if the parts do not fit together.
    """
    if depth > DEEP:
        raise Nonsense("nested too deeply")
    if told is None or isinstance(told, bool | int | float):
        return told

    def inner(each: Any) -> Any:
        return unpack(each, blob, things, grown, depth + 1)

    try:
        kind = told["t"]
        if kind == "text":
            return _text(told["v"])
        if kind == "float":
            return float(_text(told["v"]))
        if kind == "complex":
            return complex(_text(told["v"]))
        if kind == "tensor":
            plain = torch.from_numpy(_read(told, blob))
            return grown(plain, int(told["grown"])) if "grown" in told else plain
        if kind == "array":
            return _read(told, blob)
        if kind == "numbers":
            return _read(told, blob).tolist()
        if kind == "rng":
            rng = torch.Generator()
            rng.set_state(torch.from_numpy(_read(told["state"], blob)))
            return rng
        if kind == "critic":
            return KNOWN[told["kind"]](inner(told["weight"]))
        if kind == "list":
            return [inner(part) for part in _list(told["v"])]
        if kind == "tuple":
            value = Named(inner(part) for part in _list(told["v"]))
            value.names = tuple(map(_text, _list(told.get("names", []))))
            return value if len(value.names) == len(value) and value.names else tuple(value)
        if kind == "dict":
            return {inner(key): inner(item) for key, item in map(_list, _list(told["v"]))}
        if kind == "thing":
            return things(int(told["id"]), _text(told["kind"]), told["calls"] is True)
    except Nonsense:
        raise
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, OverflowError, AttributeError):
        raise Nonsense("a value that does not fit together") from None
    raise Nonsense("a value of no known kind")


def _read(told: Any, blob: bytes) -> np.ndarray[Any, Any]:
    kind, shape, at = KINDS[told["dtype"]], tuple(_list(told["shape"])), told["at"]
    if len(shape) > 16 or not all(type(side) is int and 0 <= side < 2**40 for side in (*shape, at)):
        raise Nonsense("an array of an odd shape")
    count = math.prod(shape)
    if at + count * kind.itemsize > len(blob):
        raise Nonsense("an array that is longer than its bytes")
    return np.frombuffer(blob, kind, count, at).reshape(shape).copy()


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise Nonsense("text that is none")
    return told


def _list(told: Any) -> list[Any]:
    if not isinstance(told, list):
        raise Nonsense("a list that is none")
    return told
