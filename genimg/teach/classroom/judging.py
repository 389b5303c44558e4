"""The judge: our own check cell, asked about names that live in another process.

What stands in a check cell for a student's function is a `Far`: called, it sends its arguments there and takes what
comes back, numbers, arrays and text. A name that the chapter gives is taken from the chapter, not from the answer.
"""

from __future__ import annotations

import ast
import builtins
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import genimg
from genimg.teach.check.verdict import Verdict
from genimg.teach.classroom.wire import Closed, Late, Line, Nonsense, pack, unpack

RIGHT, NOT_YET, CRASHED, MISSING, TIMED_OUT = "right", "not yet", "crashed", "missing", "timed out"
_OURS = {"NotImplementedError": NotImplementedError, "AttributeError": AttributeError, "RuntimeError": RuntimeError}


class Ended(BaseException):
    """The process of the answer has ended, is late, or says nonsense; no check may take that for an answer."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(type(reason).__name__)
        self.late, self.nonsense = isinstance(reason, Late), isinstance(reason, Nonsense)


class Answer:
    """One submission, at the other end of a line.

    Args:
        seconds: for each exercise, of wall time, by this side's clock.
    """

    def __init__(self, line: Line, seconds: float) -> None:
        self.line, self.seconds = line, seconds

    def wind(self) -> None:
        """The clock starts anew."""
        self.line.deadline = time.monotonic() + self.seconds

    def ask(self, message: Mapping[str, Any], blob: bytes | bytearray = b"") -> tuple[dict[str, Any], bytes]:
        """The reply to a message.

        Raises:
            Ended: if there is none.
        """
        try:
            self.line.send(message, blob)
            return self.line.receive()
        except (Closed, Late, Nonsense) as error:
            raise Ended(error) from None

    def run(self, cells: Sequence[str]) -> tuple[str, str] | None:
        """Runs cells; what went wrong in the last one, as kind and text, or None."""
        reply, _ = self.ask({"do": "run", "cells": list(cells)})
        error = reply.get("error")
        if error is None and "error" in reply:
            return None
        if isinstance(error, list) and len(error) == 2 and all(isinstance(part, str) for part in error):
            return error[0], error[1]
        return "error", str((reply.get("raised") or ["", "the answer's process said nonsense"])[-1])

    def names(self, names: Sequence[str]) -> dict[str, Any]:
        """The values of those names that there are; what is no data is a `Far`."""
        reply, blob = self.ask({"do": "names", "names": list(names)})
        self._raise(reply)
        values = reply.get("value")
        return {name: self._read(told, blob, ()) for name, told in values.items()} if isinstance(values, dict) else {}

    def call(self, number: int, args: Sequence[Any]) -> Any:
        """What a function there gives for these arguments."""
        blob, leaves = bytearray(), list[Tensor]()

        def keep(value: object) -> int:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"a check hands a {type(value).__name__} to an answer; genimg.gan.networks.known has networks"
                )
            leaves.append(value)
            return len(leaves) - 1

        packed = [{"t": "thing", "id": a._id, "kind": "", "calls": True} if isinstance(a, Far) else pack(a, blob, keep)
                  for a in args]  # fmt: skip
        reply, back = self.ask({"do": "call", "id": number, "args": packed}, blob)
        self._raise(reply)
        return self._read(reply.get("value"), back, tuple(leaves))

    def attribute(self, number: int, name: str) -> Any:
        """An attribute of a thing there."""
        reply, blob = self.ask({"do": "attribute", "id": number, "name": name})
        self._raise(reply)
        return self._read(reply.get("value"), blob, ())

    def gradient(self, number: int, given: Tensor, count: int) -> list[Tensor | None]:
        """That of a tensor there with respect to the arguments of the call that gave it."""
        blob = bytearray()
        packed = pack(given.detach(), blob, lambda value: -1)
        reply, back = self.ask({"do": "gradient", "id": number, "given": packed}, blob)
        self._raise(reply)
        told = reply.get("value")
        if not isinstance(told, list) or len(told) != count:
            raise Ended(Nonsense("gradients that are none"))
        found = [self._read(each, back, ()) for each in told]
        if not all(each is None or isinstance(each, Tensor) for each in found):
            raise Ended(Nonsense("gradients that are none"))
        return found

    def _read(self, told: Any, blob: bytes, leaves: tuple[Tensor, ...]) -> Any:
        def thing(number: int, kind: str, calls: bool) -> Far:
            name = kind if kind.isidentifier() else "thing"
            return type(name, (FarFunction if calls else Far,), {})(self, number)

        def grown(plain: Tensor, number: int) -> Tensor:
            return _Grown.apply(self, number, plain, *leaves) if leaves else plain

        try:
            return unpack(told, blob, thing, grown)
        except Nonsense as error:
            raise Ended(error) from None

    @staticmethod
    def _raise(reply: Mapping[str, Any]) -> None:
        """The error that the answer raised, by its name."""
        if "raised" not in reply:
            return
        told = reply["raised"]
        if not (isinstance(told, list) and len(told) == 2 and all(isinstance(part, str) for part in told)):
            raise Ended(Nonsense("an error that is none"))
        name, text = told
        text = text.removeprefix(name).removeprefix(": ")
        if name in _OURS:
            raise _OURS[name](text)
        raise type(name if name.isidentifier() else "Error", (Exception,), {})(text)


class Far:
    """A thing in the process of an answer, which can be asked for its attributes."""

    def __init__(self, answer: Answer, number: int) -> None:
        self._answer, self._id = answer, number

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._answer.attribute(self._id, name)


class FarFunction(Far):
    """One that can be called."""

    def __call__(self, *args: Any) -> Any:
        return self._answer.call(self._id, args)


class _Grown(torch.autograd.Function):
    """A tensor that the answer's process made from some of ours: its derivative is asked for there."""

    @staticmethod
    def forward(ctx: Any, answer: Answer, number: int, plain: Tensor, *leaves: Tensor) -> Tensor:
        ctx.answer, ctx.number, ctx.count = answer, number, len(leaves)
        return plain.clone()

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, None, *ctx.answer.gradient(ctx.number, given, ctx.count))


class _Names(dict[str, Any]):
    """The names of a check cell: the book's, the chapter's, then the answer's."""

    def __init__(self, answer: Answer, chapter: Mapping[str, Any]) -> None:
        super().__init__(chapter, gi=genimg)
        self.answer = answer

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        found = self.answer.names([name])
        if name not in found:
            raise KeyError(name)
        self[name] = found[name]
        return found[name]


def verdict(answer: Answer, check: str, chapter: Mapping[str, Any]) -> tuple[str, str]:
    """Result and hint of a check cell.

    Args:
        chapter: values that are the chapter's, whatever the answer says.

    Raises:
        Ended: if the answer's process did not live to the end of it.
    """
    *before, last = ast.parse(check).body
    assert isinstance(last, ast.Expr)
    names = _Names(answer, chapter)
    try:
        exec(compile(ast.Module(before, []), "check", "exec"), {}, names)
        said = eval(compile(ast.Expression(last.value), "check", "eval"), {}, names)
    except Exception as error:  # checks catch what answers raise; a name that the answer does not define is left
        first = next(iter(str(error).strip().splitlines()), "")
        return NOT_YET, f"{type(error).__name__}: {first}" if first else type(error).__name__
    if type(said) is not Verdict:
        return NOT_YET, f"the check gave {type(said).__name__}, no verdict"
    return (RIGHT if said.right is True else NOT_YET), str(said.says)


def failed(kind: str, text: str, megabytes: int) -> tuple[str, str]:
    """Result and hint for an answer that did not run to its end."""
    if kind == "stub":
        return MISSING, "raise NotImplementedError() is still there"
    if kind == "memory":
        return CRASHED, f"more than {megabytes} MB of memory"
    return CRASHED, text


def chapters_names(check: str, answers: Sequence[str]) -> list[str]:
    r"""The names in a check cell that no answer is asked to define.

    Example:
        >>> chapters_names("gi.check.lipschitz(built, on_ring)", ["def built(x):\n    on_ring = 1"])
        ['gi', 'on_ring']
    """
    used = {node.id for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Name)}
    bound: set[str] = set()
    for source in answers:
        waiting: list[ast.AST] = [ast.parse(source)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                bound.add(node.name)
            elif isinstance(node, ast.Lambda):
                continue
            else:
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    bound.add(node.id)
                if isinstance(node, ast.alias):
                    bound.add((node.asname or node.name).split(".")[0])
                waiting += ast.iter_child_nodes(node)
    return sorted(used - bound)
