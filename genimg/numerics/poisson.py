"""Poisson editing: keep what is known, and take the gradient of another image where nothing is known.

With u = x − g the problem is Laplace's equation in the missing region: u = y − g on the known pixels around it, free at
the border of the image. Only this seam enters, and the matrix depends on the mask alone. Three exact solvers share the
work, chosen by the shape of each connected component of the missing region (`benchmarks/poisson_edit.py` measures):

- a rectangle, on whatever edges of the image it lies: sines and cosines diagonalise its Laplacian;
- the rest, if it is small: one sparse factorisation for all images and channels;
- the rest, if it is large: conjugate gradients, preconditioned by a multigrid cycle on the missing pixels alone.

Solvers are kept for the masks used last, so that further images under the same mask cost a product or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy import fft, ndimage, sparse
from scipy.sparse import linalg
from torch import Tensor

from genimg._base.errors import UsageError
from genimg._base.errors import mask as checked_mask

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
Bits = npt.NDArray[np.bool_]
Fill = Callable[[Floats, Floats], None]

RECTANGLE = 64  # pixels; smaller rectangles are too many and cost less as part of one sparse system
DIRECT = 20_000  # unknowns; above, a factorisation costs more than the iterations it saves
COARSEST = 2_000  # unknowns of the level that multigrid solves directly
TOLERANCE = 1e-8  # of the largest residual, against the largest right-hand side: errors of some 1e-7
CHUNK = 2**24  # pixels solved for at once: 128 MB
FACTORS = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}


def edit(y: Tensor, g: Tensor, mask: Tensor) -> Tensor:
    """argmin_x ‖∇x − ∇g‖² subject to x = y on the known pixels, with free (Neumann) borders of the image.

    ∇ is that of `gi.fields`, so x solves Δx = Δg at every missing pixel. g = 0 gives the harmonic fill of y.

    Args:
        y: images (n, c, h, w), float; what they hold at missing pixels is not looked at.
        g: images of the same shape, whose gradient is wanted, such as G(ẑ); only read in the missing region and beside
            it. They may differ from y by any constant.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing: any shape, in any number of pieces, touching
            any border. Images with the same mask share one solver.

    Returns:
        (n, c, h, w) of y's type and device, exact to about 1e-6; not clamped, and equal to y where nothing is missing.

    Raises:
        UsageError: shapes that do not fit, values other than 0 and 1 in the mask, or an image of which nothing is
            known: ‖∇x − ∇g‖ then leaves a constant open.

    Source: Pérez, Gangnet & Blake, Poisson image editing, 2003, equation (3); Yeh et al. 2017, equation (6).

    Example:
        One missing pixel between 1 and 5, and a guide that rises by 1 at each step: x − 1 = 1 + r, 5 − x = 1 + r.

        >>> y, g = torch.tensor([[[[1.0, 0.0, 5.0]]]]), torch.tensor([[[[7.0, 8.0, 9.0]]]])
        >>> edit(y, g, torch.tensor([[1, 0, 1]])).tolist()
        [[[[1.0, 3.0, 5.0]]]]
    """
    if y.ndim != 4 or y.shape != g.shape or not (y.is_floating_point() and g.is_floating_point()):
        raise UsageError(f"Poisson editing takes two float (n, c, h, w) of one shape, got {y.shape} and {g.shape}")
    y, g, known = y.detach(), g.detach().to(y), checked_mask(mask, y)
    x = torch.where(known, y, g).cpu().contiguous().numpy()
    u = (y - g).cpu().contiguous().numpy()
    for bits, part in _groups(known.cpu(), len(y), CHUNK // y[0].numel() + 1):
        values = x[part]  # a view where all images have one mask
        solver(bits)(u[part].reshape(-1, *bits.shape), values.reshape(-1, *bits.shape))
        x[part] = values
    return torch.from_numpy(x).to(y.device)


def _groups(known: Tensor, count: int, size: int) -> Iterator[tuple[Bits, slice | npt.NDArray[np.intp]]]:
    """Each different mask, with the images that have it, at most `size` at once."""
    if len(known) == 1:
        for start in range(0, count, size):
            yield known[0, 0].numpy(), slice(start, start + size)
        return
    different, which = torch.unique(known.flatten(1), dim=0, return_inverse=True)
    for k, bits in enumerate(different):
        rows = np.flatnonzero(which.numpy() == k)
        for start in range(0, len(rows), size):
            yield bits.reshape(known.shape[-2:]).numpy(), rows[start : start + size]


def solver(known: Bits) -> Fill:
    """`fill(u, out)` for one mask: adds to `out` the harmonic extension of u into the missing region, in place.

    Both are (k, h, w), k images or channels; u is read on the known pixels beside the region only. `fill` of the masks
    used last is kept.

    Raises:
        UsageError: if nothing is known.
    """
    if not known.any():
        raise UsageError("the mask leaves nothing known, so there is nothing to join the missing region to")
    return _solver(np.packbits(known).tobytes(), *known.shape)


@lru_cache(maxsize=8)
def _solver(packed: bytes, h: int, w: int) -> Fill:
    missing = np.unpackbits(np.frombuffer(packed, np.uint8), count=h * w).reshape(h, w) == 0
    labels, count = ndimage.label(missing)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    parts: list[_Rectangle | _Sparse] = []
    for k, box in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = box
        if sizes[k] >= RECTANGLE and sizes[k] == (rows.stop - rows.start) * (columns.stop - columns.start):
            parts.append(_Rectangle(rows, columns, h, w))
            missing[box] = False
    if missing.any():
        parts.append(_Sparse(missing))

    def fill(u: Floats, out: Floats) -> None:
        for part in parts:
            part.fill(u, out)

    return fill


class _Side:
    """−d²/dx² on a row of n missing pixels, each end either beside a known pixel or free at the border of the image.

    Its eigenvectors are sines or cosines (columns of `vectors`, orthonormal), its eigenvalues 2 − 2 cos(angle).
    """

    FAST = 256  # pixels; from here on a fast transform beats a product of matrices

    def __init__(self, n: int, free_start: bool, free_end: bool) -> None:
        at, mode = np.arange(n)[:, None], np.arange(n)[None]
        angle: Floats
        waves: Floats
        if free_start and free_end:
            angle = np.pi * mode / n
            waves = np.cos(angle * (at + 0.5))
        elif free_start or free_end:
            angle = np.pi * (mode + 0.5) / (n + 0.5)
            waves = np.cos(angle * (at + 0.5)) if free_start else np.sin(angle * (at + 1))
        else:
            angle = np.pi * (mode + 1) / (n + 1)
            waves = np.sin(angle * (at + 1))
        self.vectors: Floats = waves / np.linalg.norm(waves, axis=0)
        self.values: Floats = (2 - 2 * np.cos(angle))[0]
        self.sines = n >= self.FAST and not (free_start or free_end)

    def combine(self, modes: Array, axis: int) -> Array:
        """vectors @ modes along the axis −2 or −1."""
        if self.sines:
            return fft.dst(modes, type=1, axis=axis, norm="ortho", overwrite_x=True)
        return self.vectors @ modes if axis == -2 else modes @ self.vectors.T


class _Rectangle:
    """The missing pixels [rows, columns]: −Δ is a sum of one operator per axis, so products of their waves solve it."""

    def __init__(self, rows: slice, columns: slice, h: int, w: int) -> None:
        self.box = (slice(None), rows, columns)
        top, bottom, left, right = rows.start > 0, rows.stop < h, columns.start > 0, columns.stop < w
        self.down = _Side(rows.stop - rows.start, not top, not bottom)
        self.across = _Side(columns.stop - columns.start, not left, not right)
        self.scale = 1 / (self.down.values[:, None] + self.across.values)
        # The known rows and columns beside it, each with the row or column of waves at that end.
        self.ends_down = [(rows.start - 1, 0)] * top + [(rows.stop, -1)] * bottom
        self.ends_across = [(columns.start - 1, 0)] * left + [(columns.stop, -1)] * right
        self.rows, self.columns = rows, columns

    def fill(self, u: Floats, out: Floats) -> None:
        # The right-hand side holds the seam in its outermost rows and columns, zero inside: its modes have rank four.
        v, w = self.down.vectors, self.across.vectors
        tall, wide = [], []
        for row, end in self.ends_down:
            wide.append(u[:, row, self.columns].astype(np.float64) @ w)
            tall.append(np.broadcast_to(v[end], (len(u), len(v))))
        for column, end in self.ends_across:
            tall.append(u[:, self.rows, column].astype(np.float64) @ v)
            wide.append(np.broadcast_to(w[end], (len(u), len(w))))
        modes = np.stack(tall, axis=2) @ np.stack(wide, axis=1)
        modes *= self.scale
        out[self.box] += self.down.combine(self.across.combine(modes, -1), -2)


class _Sparse:
    """Missing pixels in any arrangement: (A u)_p = Σ (u_p − u_q) over the neighbours q of p that the image has."""

    def __init__(self, missing: Bits) -> None:
        self.at = np.argwhere(missing)
        number = np.full(missing.shape, -1)
        number[missing] = np.arange(len(self.at))
        flat = np.arange(missing.size).reshape(missing.shape)
        inside, beside, degree = [], [], np.zeros(missing.shape)
        for p, q in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
            for one, other in ((p, q), (q, p)):
                degree[one] += 1
                inner = missing[one] & missing[other]
                inside.append((number[one][inner], number[other][inner]))
                seam = missing[one] & ~missing[other]
                beside.append((number[one][seam], flat[other][seam]))
        n = len(self.at)
        i, j = np.concatenate(inside, axis=1)
        self.A = (sparse.diags(degree[missing]) - sparse.coo_matrix((np.ones(len(i)), (i, j)), (n, n))).tocsr()
        i, pixel = np.concatenate(beside, axis=1)
        self.seam, j = np.unique(pixel, return_inverse=True)
        self.from_seam = sparse.coo_matrix((np.ones(len(i)), (i, j)), (n, len(self.seam))).tocsr()
        self.solve = _Multigrid(self.A, self.at).solve if n > DIRECT else linalg.splu(self.A.tocsc(), **FACTORS).solve

    def fill(self, u: Floats, out: Floats) -> None:
        known = u.reshape(len(u), -1)[:, self.seam].astype(np.float64)
        out[:, self.at[:, 0], self.at[:, 1]] += self.solve(self.from_seam @ known.T).T


class _Multigrid:
    """A u = b by conjugate gradients, preconditioned by a W-cycle on levels that join 2 × 2 pixels into one.

    A level is Pᵀ A P of the finer one with P constant on each aggregate, divided by 1.5: constants are stiffer than the
    smooth functions they stand for. It works for any mask, as an aggregate holds the missing pixels only.

    Source: Braess, Towards algebraic multigrid for elliptic problems of second order, 1995 (the factor, 1.8 there).
    """

    def __init__(self, A: sparse.csr_matrix, at: npt.NDArray[np.int64]) -> None:
        self.levels: list[tuple[sparse.csr_matrix, sparse.csr_matrix, sparse.csr_matrix, Array]] = []
        while A.shape[0] > COARSEST:
            width = at[:, 1].max() // 2 + 1
            names, member = np.unique(at[:, 0] // 2 * width + at[:, 1] // 2, return_inverse=True)
            P = sparse.csr_matrix((np.ones(len(at)), (np.arange(len(at)), member)), (len(at), len(names)))
            R = P.T.tocsr()
            self.levels.append((A, P, R, 0.8 / A.diagonal()[:, None]))
            A, at = (R @ A @ P / 1.5).tocsr(), np.stack([names // width, names % width], axis=1)
        self.coarsest = linalg.splu(A.tocsc(), **FACTORS)

    def solve(self, b: Array) -> Array:
        """u (n, k) for right-hand sides b (n, k)."""
        A = self.levels[0][0]
        u, r = np.zeros_like(b), b.copy()
        enough = TOLERANCE * np.abs(b).max()
        p, old = np.zeros_like(b), np.ones(b.shape[1])
        while max(r.max(), -r.min()) > enough:
            z = self._cycle(r, 0)
            new = np.einsum("nk,nk->k", r, z)
            p *= new / np.maximum(old, 1e-300)
            p += z
            q = A @ p
            step = new / np.maximum(np.einsum("nk,nk->k", p, q), 1e-300)  # 0 for a column that is solved already
            u += step * p
            q *= step
            r -= q
            old = new
        return u

    def _cycle(self, b: Array, level: int) -> Array:
        if level == len(self.levels):
            return self.coarsest.solve(b)
        A, P, R, relax = self.levels[level]
        u = relax * b
        for _ in range(2 if level else 1):
            u += P @ self._cycle(R @ _residual(A, b, u), level + 1)
        r = _residual(A, b, u)
        r *= relax
        u += r
        return u


def _residual(A: sparse.csr_matrix, b: Array, u: Array) -> Array:
    """b − A u, without a second array of that size."""
    r = A @ u
    return np.subtract(b, r, out=r)
