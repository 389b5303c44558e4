"""A widget as a piece of a page: a picture that is always there, and the widget's own module without any kernel.

The page part holds the same ES module that Jupyter runs. A script of a few lines imports it through a Blob URL (which
also works for a page opened from disk), hands it a model with `get`, `set`, `on`, `off` and `save_changes`, and removes
the picture once the widget stands. Nothing is loaded from anywhere, and nothing depends on the time or the machine;
only on a built page, whose Sphinx says where its site begins, `model.live` is the address of the folder of trained
networks (`genimg.widgets.live`), for a widget that the reader asks to run one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget

from genimg._base.errors import UsageError

# A page may show one widget twice: each copy takes the first root of its name that no other copy has taken.
_HOST = """
const root = document.querySelector('[data-genimg="NAME"]:not([data-live])');
root.dataset.live = "";
const part = (name) => root.querySelector(`script[data-part=${name}]`).textContent;
const state = JSON.parse(part("state"));
const listeners = {};
const site = document.documentElement.dataset.content_root; // where this page's site begins, if Sphinx made it
const model = {
  live: site === undefined ? undefined : new URL(site + "_live/", location.href).href,
  get: (key) => state[key],
  set: (key, value) => { state[key] = value; (listeners["change:" + key] || []).forEach((call) => call()); },
  on: (event, call) => { (listeners[event] ||= []).push(call); },
  off: (event, call) => { listeners[event] = (listeners[event] || []).filter((other) => other !== call); },
  save_changes: () => {},
};
const url = URL.createObjectURL(new Blob([part("module")], { type: "text/javascript" }));
const el = document.createElement("div");
try {
  const widget = (await import(url)).default;
  root.append(el);
  await widget.render({ model, el });
  root.querySelector("[data-part=picture]").remove();
} catch (error) {
  el.remove();
  console.error("genimg: the picture stays, the widget could not start:", error);
} finally {
  URL.revokeObjectURL(url);
}
"""


def module(*names: str) -> str:
    """Source of a widget's ES module, with what all widgets share (`shared.js`) before it.

    Example:
        >>> module("frames").count("function followTheme")
        1
    """
    return "".join(Path(__file__).with_name(f"{part}.js").read_text("utf-8") for part in ("shared", *names))


def page_html(module: str, state: Mapping[str, Any], picture: str) -> str:
    """The widget as self-contained HTML.

    Args:
        module: source of the ES module whose default export has `render({model, el})`.
        state: what `model.get` answers; anything JSON can hold.
        picture: HTML that stands there until the module runs, and stays where scripts do not.

    Returns:
        One element; the same input gives the same bytes.

    Raises:
        UsageError: if the module contains what would end a script element.

    Example:
        >>> html = page_html("export default { render() {} }", {"note": "</script>"}, "<img alt='a'>")
        >>> html.count("</script>")
        3
    """
    if "</script" in module.lower() or "<!--" in module:
        raise UsageError("the module's source contains '</script' or '<!--'; write it as two strings")
    # JSON may hold anything in its strings, so its "<" is written as an escape that means the same.
    data = json.dumps(state, ensure_ascii=False, sort_keys=True, allow_nan=False).replace("<", "\\u003c")
    name = hashlib.sha256("\0".join((module, data, picture)).encode()).hexdigest()[:12]
    return (
        f'<div class="genimg-widget" data-genimg="{name}">\n'
        f'<div data-part="picture">{picture}</div>\n'
        f'<script type="application/json" data-part="state">{data}</script>\n'
        f'<script type="text/plain" data-part="module">\n{module}</script>\n'
        f'<script type="module">{_HOST.replace("NAME", name)}</script>\n'
        "</div>"
    )


class Pictured(anywidget.AnyWidget):
    """A widget whose output holds, beside its view, what a page shows of it where no kernel runs.

    A class names in `_kept` the traits with which its page begins, and makes in `_picture` the HTML that stands where
    no script runs.
    """

    _kept: tuple[str, ...] = ()

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._kept}

    def _picture(self) -> str:
        raise NotImplementedError  # each widget draws its own

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | {"text/html": page_html(self._esm, self._state(), self._picture())}, metadata
