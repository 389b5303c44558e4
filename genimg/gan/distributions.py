"""A distribution is anything with `.sample(n)`: data, noise, toy laws, and the image of one under a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from genimg._base import seeding
from genimg._base.errors import UsageError, at_least, positive


class Distribution(Protocol):
    """What every loop of this package asks of a law: `sample(n)` gives n independent draws, shape (n, …)."""

    def sample(self, n: int) -> Tensor: ...


class Gaussian:
    """N(mean, std² I) on R^dim, the usual law of the latent z.

    Args:
        dim: dimension of the space.
        rng: generator; its device is the samples' device.
        mean: a number or a tensor of shape (dim,).
        std: standard deviation, above 0.

    Example:
        >>> Gaussian(3, torch.Generator().manual_seed(0)).sample(5).shape
        torch.Size([5, 3])
    """

    def __init__(self, dim: int, rng: torch.Generator, mean: float | Tensor = 0.0, std: float = 1.0) -> None:
        self.dim = at_least(dim, 1, "dim")
        self.rng = rng
        self.mean = torch.as_tensor(mean, dtype=torch.float32, device=rng.device)
        self.std = positive(std, "std")

    def sample(self, n: int) -> Tensor:
        """(n, dim) float32."""
        return self.mean + self.std * torch.randn(n, self.dim, generator=self.rng, device=self.rng.device)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats, shape (n,).

        Example:
            >>> round(float(Gaussian(1, torch.Generator()).log_prob(torch.zeros(1, 1))), 4)  # -log sqrt(2 pi)
            -0.9189
        """
        z = (x - self.mean.to(x)) / self.std
        return -0.5 * (z**2).sum(1) - self.dim * math.log(self.std * math.sqrt(2 * math.pi))


class Empirical:
    """The empirical law of a data set, (1/N) Σ δ_{x_i}: draws rows with replacement.

    Args:
        x: (N, …) tensor; it stays where it is, and draws are made on its device.
        rng: generator on the same device.

    Example:
        >>> Empirical(torch.tensor([[7.0]]), torch.Generator()).sample(2).tolist()
        [[7.0], [7.0]]
    """

    def __init__(self, x: Tensor, rng: torch.Generator) -> None:
        if len(x) == 0:
            raise UsageError("Empirical: the data set is empty")
        if x.device.type != rng.device.type:
            raise UsageError(f"Empirical: data on {x.device} but rng on {rng.device}; use rng(seed, device)")
        self.x, self.rng = x, rng

    def sample(self, n: int) -> Tensor:
        """(n, …): n rows drawn uniformly with replacement."""
        index = torch.randint(len(self.x), (n,), generator=self.rng, device=self.x.device)
        return self.x[index]


class Pictures(Empirical):
    """The empirical law of uint8 pictures as networks see them: kept as bytes, made float in [-1, 1] batch by batch.

    The bytes may lie where the samples do not, such as in a memory map that is larger than the GPU's memory. The rows
    of a batch are then gathered, put into pinned memory and copied on a stream of their own, which waits for nothing:
    a copy overlaps with what the GPU still computes for earlier batches.

    Args:
        x: uint8 (N, c, h, w), 0 to 255; it stays where it is.
        rng: generator on the device of `x`.
        device: of the samples; None is that of `x`.
        memory_format: of the samples; convolutions in bfloat16 want channels last.

    Example:
        >>> Pictures(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8), torch.Generator()).sample(1).tolist()
        [[[[1.0]]]]
    """

    def __init__(
        self,
        x: Tensor,
        rng: torch.Generator,
        device: torch.device | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(x, rng)
        if x.dtype != torch.uint8 or x.ndim != 4:
            raise UsageError(f"Pictures: need uint8 (N, c, h, w), got {x.dtype} {tuple(x.shape)}")
        self.device, self.memory_format = x.device if device is None else device, memory_format
        self.stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" and not x.is_cuda else None

    def sample(self, n: int) -> Tensor:
        """(n, c, h, w) float32 in [-1, 1], on `device`."""
        rows = super().sample(n)
        if self.stream is not None:
            with torch.cuda.stream(self.stream):
                rows = rows.pin_memory().to(self.device, non_blocking=True)  # torch keeps the pinned rows until then
            now = torch.cuda.current_stream(self.device)
            now.wait_stream(self.stream)
            rows.record_stream(now)
        return rows.to(self.device, torch.float32, memory_format=self.memory_format).div_(127.5).sub_(1.0)


def pictures(
    x: Tensor,
    seed: int,
    device: torch.device,
    room: int | None = None,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Pictures:
    """The law of these pictures; they are copied to a GPU where they fit there, else batch by batch.

    Args:
        x: uint8 (N, c, h, w) in main memory or in a memory map.
        seed: of the draws, which depend on the device they are made on: that of the pictures.
        room: bytes that the pictures may take on a GPU; None is a third of its memory. What is free would depend on who
            else uses it, and the draws with it: a run could not go on from its checkpoint, and ranks would differ.
        memory_format: as of `Pictures`.
    """
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory // 3 if room is None else room
        x = x.to(device) if x.nbytes <= room else x
    return Pictures(x, seeding.rng(seed, x.device), device, memory_format)


class Mirrored:
    """Each draw of an image law, flipped left to right with probability 1/2.

    Args:
        law: gives (n, c, h, w) and has an `rng`, which also throws the coins, so that a checkpoint of it is complete.

    Example:
        >>> law = Mirrored(Empirical(torch.tensor([[[[0.0, 1.0]]]]), torch.Generator().manual_seed(0)))
        >>> sorted(set(law.sample(20)[:, 0, 0, 0].tolist()))
        [0.0, 1.0]
    """

    def __init__(self, law: Empirical) -> None:
        self.law, self.rng = law, law.rng

    def sample(self, n: int) -> Tensor:
        """(n, c, h, w)."""
        x = self.law.sample(n)
        flipped = torch.rand(n, 1, 1, 1, generator=self.rng, device=self.rng.device) < 0.5
        return torch.where(flipped.to(x.device), x.flip(3), x)


class Pushforward:
    """G#P_Z: draw z from `latent`, return G(z). No gradient is kept.

    Source: Arjovsky, Chintala & Bottou 2017, section 2; the talk, "Generative approaches".

    Example:
        >>> Pushforward(lambda z: z + 10, Empirical(torch.zeros(1, 2), torch.Generator())).sample(1).tolist()
        [[10.0, 10.0]]
    """

    def __init__(self, G: Callable[[Tensor], Tensor], latent: Distribution) -> None:
        self.G, self.latent = G, latent

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """(n, …): G(z) for n fresh z."""
        return self.G(self.latent.sample(n))


class Mixture:
    """Σ w_k P_k: the part is drawn first, then the sample.

    Args:
        parts: distributions with samples of one shape.
        weights: non-negative numbers, normalised here; equal if None.
        rng: generator for the choice of the part.

    Raises:
        UsageError: if there is no part, or the weights do not fit or do not sum to something positive.
    """

    def __init__(
        self, parts: Sequence[Distribution], rng: torch.Generator, weights: Sequence[float] | Tensor | None = None
    ) -> None:
        w = torch.ones(len(parts)) if weights is None else torch.as_tensor(weights, dtype=torch.float32)
        if len(parts) == 0 or w.shape != (len(parts),) or bool((w < 0).any()) or not float(w.sum()) > 0:
            raise UsageError(f"Mixture: need one non-negative weight per part, not all 0; got {len(parts)} parts, {w}")
        self.parts, self.weights, self.rng = list(parts), w / w.sum(), rng

    def sample(self, n: int) -> Tensor:
        """(n, …), in random order of the parts."""
        weights = self.weights.to(self.rng.device)
        which = torch.multinomial(weights, n, replacement=True, generator=self.rng)
        counts = torch.bincount(which, minlength=len(self.parts)).tolist()
        # Grouped by part (one call each), then put back at the places that drew them.
        drawn = torch.cat([part.sample(k) for part, k in zip(self.parts, counts, strict=True) if k])
        place = torch.argsort(which, stable=True).to(drawn.device)
        return torch.empty_like(drawn).index_copy_(0, place, drawn)


class GaussianMixture:
    """Equal-weight mixture of isotropic Gaussians in R^d, with a density: the toy law of mode collapse.

    Args:
        centres: (k, d).
        std: common standard deviation.
    """

    def __init__(self, centres: Tensor, std: float, rng: torch.Generator) -> None:
        self.centres, self.std, self.rng = centres.float().to(rng.device), positive(std, "std"), rng

    def sample(self, n: int) -> Tensor:
        """(n, d) float32."""
        k, d = self.centres.shape
        which = torch.randint(k, (n,), generator=self.rng, device=self.rng.device)
        noise = torch.randn(n, d, generator=self.rng, device=self.rng.device)
        return self.centres[which] + self.std * noise

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats, shape (n,)."""
        k, d = self.centres.shape
        square = ((x[:, None] - self.centres.to(x)[None]) ** 2).sum(2) / self.std**2
        return torch.logsumexp(-0.5 * square, 1) - math.log(k) - d * math.log(self.std * math.sqrt(2 * math.pi))


def ring(rng: torch.Generator, modes: int = 8, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
    """`modes` Gaussians on a circle.

    Example:
        >>> law = ring(torch.Generator().manual_seed(0), modes=4, radius=1.0)
        >>> law.centres.round(decimals=3).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    angle = 2 * math.pi * torch.arange(at_least(modes, 1, "modes")) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std, rng)


def grid25(rng: torch.Generator, spacing: float = 1.0, std: float = 0.05) -> GaussianMixture:
    """25 Gaussians on a 5 × 5 grid, the usual test of mode coverage.

    Source: a toy law of Gulrajani et al. 2017 and of most papers on mode collapse; spacing and width are ours.
    """
    at = spacing * (torch.arange(5) - 2.0)
    return GaussianMixture(torch.cartesian_prod(at, at), std, rng)


class Uniform:
    """Uniform law on the box Π [low_i, high_i].

    Args:
        low, high: tensors of shape (d,), low < high.

    Example:
        >>> x = Uniform(torch.tensor([0.0]), torch.tensor([2.0]), torch.Generator().manual_seed(0)).sample(100)
        >>> bool((x >= 0).all() and (x <= 2).all() and x.max() > 1.5)
        True
    """

    def __init__(self, low: Tensor, high: Tensor, rng: torch.Generator) -> None:
        self.low, self.high, self.rng = low.to(rng.device), high.to(rng.device), rng
        if not bool((self.low < self.high).all()):
            raise UsageError("Uniform: low must be below high in every coordinate")

    def sample(self, n: int) -> Tensor:
        """(n, d) float32."""
        u = torch.rand(n, len(self.low), generator=self.rng, device=self.rng.device)
        return self.low + (self.high - self.low) * u
