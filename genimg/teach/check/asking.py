"""How a check asks: it calls what a reader wrote and reads what comes back, and nothing of it raises.

A check returns a `Verdict` or ends early by raising `NotYet` with a hint; `judged` turns both into a verdict. Most are
a table: the right values, and beside them what the typical mistakes give, each with its hint.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import numpy as np
import torch
from torch import Tensor

from genimg.teach.check.verdict import Verdict

P = ParamSpec("P")

MISSING = "nothing is written yet: put your answer in the place of ... or of raise NotImplementedError()"


class NotYet(Exception):
    """Ends a check: the answer is not right, and this is the hint."""


def judged(check: Callable[P, Verdict]) -> Callable[P, Verdict]:
    """The check, whose hint is a verdict and which can be called with any arguments.

    Example:
        >>> @judged
        ... def five(answer): return Verdict(True) if number(answer, "the answer") == 5 else Verdict(False, "too small")
        >>> five(5), five(4), five("five"), five()
        (Right., Not yet: too small, Not yet: the answer should be a number, got 'five', Not yet: five takes: answer)
    """

    @functools.wraps(check)
    def verdict(*args: P.args, **kwargs: P.kwargs) -> Verdict:
        signature = inspect.signature(check)
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            return Verdict(False, f"{check.__name__} takes: {', '.join(signature.parameters)}")
        if any(answer is ... for answer in (*args, *kwargs.values())):
            return Verdict(False, MISSING)
        try:
            return check(*args, **kwargs)
        except NotYet as hint:
            return Verdict(False, str(hint))

    return verdict


def call(function: object, *args: Any) -> Any:
    """What a reader's function gives. Tensors are handed over as copies, in which it may write.

    Raises:
        NotYet: if it is no function, or raises.

    Example:
        >>> call(lambda x: 2 * x, 3)
        6
        >>> call(lambda x: x / 0, 3)
        Traceback (most recent call last):
        genimg.teach.check.asking.NotYet: your function raised ZeroDivisionError: division by zero
    """
    if not callable(function):
        raise NotYet(f"hand in the function itself, got {_brief(function)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*(x.clone() if isinstance(x, Tensor) else x for x in args))
    except NotImplementedError:
        raise NotYet(MISSING) from None
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise NotYet(f"your function raised {type(error).__name__}: {first}".rstrip(": ")) from None


def numbers(value: object, shape: tuple[int, ...], what: str, *, nan: bool = False) -> Tensor:
    """The value as a float64 tensor of that shape, from a tensor, an array, a list or a number.

    Args:
        value: what a reader gave; axes of length one more or less do not matter.
        nan: whether NaN may be among the numbers.

    Raises:
        NotYet: for anything else.

    Example:
        >>> numbers([[1, 2]], (2,), "the weights").tolist()
        [1.0, 2.0]
        >>> numbers([1, 2, 3], (2,), "the weights")
        Traceback (most recent call last):
        genimg.teach.check.asking.NotYet: the weights should have shape (2,), got (3,)
    """
    wanted = f"be {'numbers' if shape else 'a number'}"
    if value is None or isinstance(value, bool | complex):
        raise NotYet(f"{what} should {wanted}, got {value}")
    try:
        value = value.copy() if isinstance(value, np.ndarray) else value  # a view that runs backwards is fine, too
        found = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    except Exception:
        raise NotYet(f"{what} should {wanted}, got {_brief(value)}") from None
    if _long(found.shape) != _long(shape):
        raise NotYet(f"{what} should {f'have shape {shape}' if shape else 'be a number'}, got {tuple(found.shape)}")
    if not nan and bool(found.isnan().any()):
        raise NotYet(f"{what} should {wanted}, got NaN: is there a division of 0 by 0?")
    return found.reshape(shape)


def number(value: object, what: str) -> float:
    """The value as a number; see `numbers`."""
    return float(numbers(value, (), what))


def several(value: object, count: int, what: str) -> list[Any]:
    """The parts of a tuple, list, tensor or array with that many.

    Raises:
        NotYet: for anything else.
    """
    if not isinstance(value, tuple | list | Tensor | np.ndarray) or getattr(value, "ndim", 1) == 0:
        raise NotYet(f"{what} should be {count} things, a tuple of them, got {_brief(value)}")
    if len(value) != count:
        raise NotYet(f"{what} should be {count} things, got {len(value)}")
    return list(value)


def derivative(value: Tensor, of: Tensor) -> Tensor | None:
    """That of a number that a reader's function gave; None where the number does not depend on `of`.

    Raises:
        NotYet: if it cannot be taken.
    """
    try:
        return torch.autograd.grad(value, of, allow_unused=True)[0]
    except RuntimeError:
        raise NotYet(
            "no derivative can be taken of what your function gave: leave backward() to the training loop"
        ) from None


def same(given: Tensor, other: Tensor | float) -> bool:
    """Whether two answers agree to the precision of float32 and of a rounded result: 1e-3 of their size."""
    return bool(torch.allclose(given, torch.as_tensor(other, dtype=torch.float64), rtol=1e-3, atol=1e-4))


def compare(
    given: Tensor, right: Tensor | float, mistakes: Iterable[tuple[Tensor | float, str]], otherwise: str
) -> None:
    """Nothing, if `given` is right.

    Raises:
        NotYet: with the hint of the first mistake that gives the same numbers, or with the last one.
    """
    if not same(given, right):
        raise NotYet(next((hint for wrong, hint in mistakes if same(given, wrong)), otherwise))


def _long(shape: Iterable[int]) -> list[int]:
    """The axes that are not of length one."""
    return [side for side in shape if side != 1]


def _brief(value: object) -> str:
    """One short line on a value of any kind."""
    if isinstance(value, str | int | float | None):
        return repr(value)[:40]
    return f"a {type(value).__name__}"
