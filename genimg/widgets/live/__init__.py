"""Trained networks in the reader's browser: exported from the zoo to ONNX when the pages are built, run by
onnxruntime-web on the first click.

`graph` writes a module as ONNX, `walks` and its neighbours say which, `vendor` fetches the runtime from the npm
registry, and `site` puts all of it beside the pages. Nothing that they make is committed.
"""

from __future__ import annotations

from collections.abc import Callable

from genimg.widgets.live.colours import shipped
from genimg.widgets.live.encoder import encoder
from genimg.widgets.live.graph import Graph, onnx_bytes
from genimg.widgets.live.search import search
from genimg.widgets.live.walks import digits, faces

GRAPHS: dict[str, Callable[[], Graph]] = {
    "colours": shipped,
    "digits": digits,
    "encoder": encoder,
    "faces": faces,
    "search": search,
}
"""By name: what `openLive(model, name)` of the widgets can run."""
