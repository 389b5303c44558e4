"""Forms, put into built pages below their exercises."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genimg.teach.forms.form import Form, Number
from genimg.teach.forms.questions import FORMS

if TYPE_CHECKING:
    from bs4 import Tag

_FORMULA = re.compile(r"\$([^$]+)\$")
MATH = r'<span class="math notranslate nohighlight">\(\1\)</span>'


def fill(site: Path, forms: Sequence[Form] = FORMS) -> int:
    """Puts each form below its exercise and the hints, in the pages of `site/book`; how many found their place."""
    from bs4 import BeautifulSoup

    filled = 0
    for file in sorted((site / "book").glob("*.html")):
        text = file.read_text(encoding="utf-8")
        here = [form for form in forms if f'id="{form.exercise}"' in text]
        if not here:
            continue
        page = BeautifulSoup(text, "html.parser")
        for form in here:
            place = page.find("div", class_="exercise", id=form.exercise)
            if place is None:
                continue
            while (hint := place.find_next_sibling()) is not None and _is_hint(hint):
                place = hint
            place.insert_after(BeautifulSoup(shown(form), "html.parser"))
            filled += 1
        file.write_text(str(page), encoding="utf-8")
    return filled


def _is_hint(tag: Tag) -> bool:
    classes: list[str] = list(tag.get("class") or [])
    return "admonition" in classes and "dropdown" in classes and "solution" not in classes


def shown(form: Form) -> str:
    """A form as HTML. It is hidden until the page's script, without which it can do nothing, shows it."""
    name = f"form-{form.exercise}"
    data = html.escape(json.dumps(form.data(), ensure_ascii=False))
    if isinstance(form, Number):
        about = "a number to three digits, or a fraction" if form.within is None else f"to within {form.within:g}"
        asks = f'<label for="{name}">{_typeset(form.asks)}</label>'
        field = f'<input id="{name}" type="text" inputmode="text" autocomplete="off" placeholder="{about}">'
        body = f"<p>{asks}</p><p>{field} <button>Right?</button></p>"
    else:
        options = "".join(_option(name, k, text) for k, (text, _) in enumerate(form.options))
        legend = f"<legend>{_typeset(form.asks)}</legend>"
        body = f"<fieldset>{legend}{options}</fieldset><p><button>Right?</button></p>"
    said = '<p class="genimg-says" role="status"></p>'
    kind = "number" if isinstance(form, Number) else "choice"
    return (
        f'<form class="genimg-form" hidden data-kind="{kind}" data-form="{data}">'
        f"<p><strong>Try it here.</strong></p>{body}{said}</form>"
    )


def _option(name: str, k: int, text: str) -> str:
    letter = "abcdefgh"[k]  # also the name of what is a formula and nothing else
    return f'<label><input type="radio" name="{name}" value="{k}"> ({letter}) {_typeset(text)}</label>'


def _typeset(text: str) -> str:
    return _FORMULA.sub(MATH, html.escape(text, quote=False))
