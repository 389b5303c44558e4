"""Weights that several graphs hold, kept once: what lies beside the pages is what readers take with them.

A serialised ONNX model may be cut in two anywhere between its fields, and two pieces of gzip's deflate between blocks.
So a graph whose large weights lie elsewhere is that other file, followed by the rest; nothing is packed again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

_FROM = 4096
"""Bytes from which a weight is worth a place of its own."""
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\2\xff"  # gzip's: deflate, no name, no time
_NOTHING = b"\0\0\0\xff\xff"  # a block of deflate that holds nothing


class Pieces(NamedTuple):
    """ONNX files cut into what is shared and what is not."""

    shared: dict[str, bytes]  # weights by the name of their file, as a serialised ModelProto that holds only them
    # by graph, the name of the shared file that comes before it, if there is one, and what follows it
    rest: dict[str, tuple[str | None, bytes]]


def pieces(models: Mapping[str, bytes]) -> Pieces:
    """Cuts serialised models so that no large weight of two of them is kept twice.

    A graph shares with one group of others, the one with which it has most in common. Shared weights are called by what
    is in them, since each export has names of its own.

    Example:
        >>> pieces({"a": b""})
        Pieces(shared={}, rest={'a': (None, b'')})
    """
    import onnx

    parsed = {name: onnx.load_from_string(data) for name, data in models.items()}
    holders: dict[str, set[str]] = defaultdict(set)
    for name, model in parsed.items():
        for weight in _large(model):
            holders[_called(weight)].add(name)
    sizes: dict[tuple[str, ...], int] = defaultdict(int)
    for model in parsed.values():
        for weight in _large(model):
            sizes[tuple(sorted(holders[_called(weight)]))] += len(weight.raw_data)
    shared: dict[str, bytes] = {}
    rest: dict[str, tuple[str | None, bytes]] = {name: (None, data) for name, data in models.items()}
    for group in sorted(sizes, key=lambda each: (-sizes[each], each)):
        if len(group) == 1 or any(rest[name][0] for name in group):
            continue
        file = "-".join(group)
        for name in group:
            head, tail = _cut(parsed[name], {key for key, own in holders.items() if tuple(sorted(own)) == group})
            shared[file] = head
            rest[name] = (file, tail)
    return Pieces(shared, rest)


def _large(model: Any) -> list[Any]:
    return [weight for weight in model.graph.initializer if len(weight.raw_data) >= _FROM]


def _called(weight: Any) -> str:
    digest = hashlib.sha256(f"{weight.data_type} {list(weight.dims)} ".encode() + weight.raw_data)
    return f"w{digest.hexdigest()[:16]}"


def _cut(model: Any, names: set[str]) -> tuple[bytes, bytes]:
    """The weights of these names in their order, and the model without them, which asks for them by these names."""
    import onnx

    found, new = {}, {}
    for weight in _large(model):
        if _called(weight) in names:
            found[_called(weight)] = weight
            new[weight.name] = _called(weight)
    head, tail = onnx.ModelProto(), onnx.ModelProto()
    for name in sorted(found):
        one = head.graph.initializer.add()
        one.CopyFrom(found[name])
        one.name = name
    tail.CopyFrom(model)
    del tail.graph.initializer[:]
    tail.graph.initializer.extend(weight for weight in model.graph.initializer if weight.name not in new)
    for node in tail.graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = new.get(name, name)
    return head.SerializeToString(deterministic=True), tail.SerializeToString(deterministic=True)


def opening(data: bytes) -> str:
    """The beginning of a gzip file in base64, of `data`: with a text of `ending` behind it, it is whole.

    Example:
        >>> import gzip
        >>> gzip.decompress(base64.b64decode(opening(b"one, ") + ending(b"one, ", b"two")))
        b'one, two'
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = _HEADER + packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    while len(packed) % 3:  # so that its base64 ends without a half-filled group
        packed += _NOTHING
    return base64.b64encode(packed).decode()


def ending(before: bytes, data: bytes) -> str:
    """The end of a gzip file in base64, of `data`, which comes after the `opening` of `before`."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    sums = zlib.crc32(data, zlib.crc32(before)), (len(before) + len(data)) % 2**32
    return base64.b64encode(packed + b"".join(each.to_bytes(4, "little") for each in sums)).decode()


_SHARING = """{
  // Who asked for this script is told that it is there when what it needs is there too.
  const own = document.currentScript, { onload, onerror } = own, parts = (window.genimgShared ||= {});
  own.onload = null;
  (parts[PART] ||= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.onload = () => done(window.genimgLive[PART]);
    script.onerror = () => (delete parts[PART], fail()); // may be tried again
    script.src = new URL(PART + ".js", own.src);
    document.head.append(script);
  })).then((opening) => { (window.genimgLive ||= {})[NAME] = opening + ENDING; onload(); }, onerror);
}
"""


def sharing_script(name: str, part: str, text: str) -> str:
    """A script that leaves the gzipped file `name` as base64, of the opening in `part` and of `text`.

    Example:
        >>> "own.src" in sharing_script("a", "a-b", "")
        True
    """
    values = {"PART": json.dumps(part), "NAME": json.dumps(name), "ENDING": json.dumps(text)}
    return re.sub("PART|NAME|ENDING", lambda word: values[word[0]], _SHARING)
