"""The book's Markdown as every notebook program shows it: JupyterLab and Colab know none of MyST.

MyST's own parser says where directives, roles and formulas stand; only these are rewritten, the rest stays as typed.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from genimg._base.errors import UsageError
from genimg.press.readers.references import References

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

EXTENSIONS = {"amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath", "tasklist"}  # of _config.yml


class Directive(NamedTuple):
    """A fenced block with a name."""

    name: str  # such as `prf:theorem`
    title: str  # what stands behind the name
    options: dict[str, str]  # such as `{"label": "thm-a"}`
    body: str  # its text


@cache
def parser() -> MarkdownIt:
    """MyST's parser, whose role tokens keep their source in `markup`."""
    try:
        from markdown_it.renderer import RendererHTML
        from mdit_py_plugins.myst_role.index import myst_role
        from myst_parser.config.main import MdParserConfig
        from myst_parser.parsers.mdit import create_md_parser
    except ImportError as missing:
        raise UsageError(f"this needs {missing.name}: pip install 'genimg-book[book]'") from None

    def role(state: StateInline, silent: bool) -> bool:
        start = state.pos
        found: bool = myst_role(state, silent)
        if found and not silent:
            state.tokens[-1].markup = state.src[start : state.pos]
        return found

    md: MarkdownIt = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    md.inline.ruler.at("myst_role", role)
    return md


def directive(token: Token) -> Directive | None:
    """The directive that a block is; None for text and code."""
    if token.type not in ("fence", "colon_fence") or not token.info.strip().startswith("{"):
        return None
    name, _, title = token.info.strip()[1:].partition("}")
    lines, options = token.content.split("\n"), {}
    while lines and lines[0].startswith(":") and lines[0].count(":") > 1:
        key, _, value = lines.pop(0)[1:].partition(":")
        options[key] = value.strip()
    return Directive(name, title.strip(), options, "\n".join(lines).strip())


def plain(text: str, references: References, *, quoted: bool = False) -> str:
    r"""A markdown cell without directives and roles.

    A theorem, a proof or a remark becomes a quotation with its name in bold, an exercise a heading and its text, a hint
    folds, an equation gets its number, a reference and a citation a link, a number is written out. A directive that is
    none of these stays as it is.

    Args:
        quoted: puts each paragraph and formula on a line of its own: in a quotation Jupyter would take the `>` before
            the second line of a formula for a part of it.

    Example:
        >>> print(plain("```{prf:theorem} Duality\n:label: thm\nSee {prf:ref}`thm-other`.\n```", References()))
        > **Theorem (Duality).** See `thm-other`.
    """
    lines, kept, done = text.split("\n"), [], 0
    blocks = [token for token in parser().parse(text) if token.map]
    for (start, end), tokens in groupby(blocks, key=lambda token: tuple(token.map or (0, 0))):
        if start < done:
            continue  # inside of a block that has been rewritten
        source = lines[start:end]
        new = _rewritten("\n".join(source), list(tokens), references, quoted)
        if new is None:
            continue
        kept += [*lines[done:start], *new]
        done = end
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*kept, *lines[done:]])).strip()


def apart(text: str, inside: bool = False) -> tuple[str, str, bool]:
    r"""The text outside of solutions, that inside of them, and whether the cell ends inside of one.

    Args:
        inside: whether it begins inside of a solution.

    Example:
        >>> apart("Text.\n```{solution-start} a\n:class: dropdown\n```\nBecause.")
        ('Text.', 'Because.', True)
    """
    lines, done = text.split("\n"), 0
    kept: dict[bool, list[str]] = {False: [], True: []}
    for token in parser().parse(text):
        found = directive(token)
        if not found or not token.map or found.name not in ("solution", "solution-start", "solution-end"):
            continue
        kept[inside] += lines[done : token.map[0]]
        done = token.map[1]
        if found.name == "solution":
            kept[True] += ["", found.body, ""]
        else:
            inside = found.name == "solution-start"
    kept[inside] += lines[done:]
    return "\n".join(kept[False]).strip(), "\n".join(kept[True]).strip(), inside


def exercises(text: str) -> str:
    """The exercises in a markdown cell, without hints and what stands around them."""
    lines = text.split("\n")
    found = [(token, directive(token)) for token in parser().parse(text)]
    asked = [token.map for token, what in found if what and what.name == "exercise" and token.map]
    return "\n\n".join("\n".join(lines[start:end]) for start, end in asked)


def _rewritten(source: str, tokens: list[Token], references: References, quoted: bool) -> list[str] | None:
    """The lines that replace a block, or None if it stays."""
    token = tokens[0]
    indent = source[: len(source) - len(source.lstrip())].replace("\n", "")
    if found := directive(token):
        told = _told(found, references)
        return None if told is None else [f"{indent}{line}".rstrip() for line in told.split("\n")]
    if token.type in ("math_block", "math_block_label", "amsmath"):
        return _formula(token, source, indent, references, quoted)
    if token.type in ("myst_target", "myst_line_comment", "myst_block_break"):
        return []
    inline = [inner for inner in tokens if inner.type == "inline"]
    if not inline:
        return None
    children = [child for inner in inline for child in inner.children or ()]
    source = _without_roles(source, children, references)
    if quoted and not any(child.type == "hardbreak" for child in children):
        source = indent + " ".join(line.strip() for line in source.split("\n"))
    return source.split("\n")


def _formula(token: Token, source: str, indent: str, references: References, quoted: bool) -> list[str] | None:
    label = references.labels.get(token.info) if token.type == "math_block_label" else None
    number = f"\\tag{{{label.number}}}" if label else ""
    if token.type == "amsmath":
        return [indent + " ".join(source.split())] if quoted else None
    body = token.content.strip("\n").split("\n")
    if quoted:
        return [f"{indent}$$ {' '.join(' '.join(body).split())} {number} $$".replace("  ", " ")]
    if token.type == "math_block":
        return None
    return [f"{indent}$$", *(indent + line.strip() for line in [*body, number] if line.strip()), f"{indent}$$"]


def _without_roles(source: str, children: list[Token], references: References) -> str:
    """The source of a paragraph, its roles and links to labels written out."""
    done = ""
    for child in children:
        if child.type == "myst_role":
            new = references.role(child.meta["name"], child.content)
            old = child.markup
        elif child.type == "link_open" and str(child.attrGet("href")).startswith("#"):
            name = str(child.attrGet("href"))[1:]
            old, new = f"](#{name})", f"]({references.url(name)})" if references.url(name) else None
        else:
            continue
        place = re.search(r"\s+".join(map(re.escape, old.split())), source)
        if place is None or new is None:
            continue
        done, source = done + source[: place.start()] + new, source[place.end() :]
    return done + source


def _told(found: Directive, references: References) -> str | None:
    """What a directive says in plain Markdown; None for one that stays."""
    label, title = found.options.get("label", ""), plain(found.title, references)
    if found.name in ("exercise", "exercise-start"):
        return f"### {references.named(label, 'exercise')}: {title}\n\n{plain(found.body, references)}"
    if found.name in ("solution", "solution-start"):
        return f"**Solution.**\n\n{plain(found.body, references)}"
    if found.name in ("exercise-end", "solution-end", "index"):
        return ""
    if found.name == "admonition" and "dropdown" in found.options.get("class", ""):
        body = plain(found.body, references)
        return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
    if found.name == "admonition":
        return _quoted(f"**{title}.**", found.body, references)
    if found.name.startswith("prf:"):
        kind = found.name.removeprefix("prf:")
        name = references.named(label, kind) + (f" ({title})" if title else "")
        return _quoted(f"**{name}.**", found.body, references, end=" ∎" if kind == "proof" else "")
    return None


def _quoted(head: str, body: str, references: References, end: str = "") -> str:
    """A quotation that begins with the head and ends with the sign."""
    text = plain(body, references, quoted=True)
    blocks = parser().parse(text)
    joint = " " if blocks and blocks[0].type == "paragraph_open" else "\n\n"
    text = f"{head}{joint}{text}"
    if end:
        text += end if blocks and blocks[-1].type == "paragraph_close" else f"\n\n{end.strip()}"
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
