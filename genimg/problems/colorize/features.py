"""Pictures as a frozen trunk sees them, computed once: what makes training a decoder cheap enough for two cores.

The features of a picture cost as much as several steps of the decoder that reads them, and a frozen trunk always gives
the same. So they are kept on disk, in bfloat16, with what is to be learned from them; a picture comes in several views.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from genimg._base import devices, disk
from genimg._base.errors import UsageError
from genimg.gan.networks import EfficientNetLite0
from genimg.gan.networks.efficientnet import STRIDES
from genimg.numerics.color import lightness, rgb_to_lab, scale_ab, scale_l, unscale_ab
from genimg.problems.colorize.pictures import Coloured

STRIDE = 4  # of the finest features, at which chroma is predicted


class Features:
    """The law of (features, L, ab, y) of pictures that `look` has seen: draws rows with replacement.

    Args:
        folder: of one call of `look`, or several of them, one after the other.
        rng: on the CPU.

    Raises:
        UsageError: for a folder without complete features.
    """

    def __init__(self, folder: Path | Iterable[Path], rng: torch.Generator) -> None:
        self.parts = [_opened(one) for one in ([folder] if isinstance(folder, Path) else folder)]
        self.rng, self.position = rng, 0
        self.ends = np.cumsum([len(part["ab"]) for part in self.parts])
        self.images = range(int(self.ends[-1]))  # its length is what a loop asks

    def sample(self, n: int) -> Coloured:
        """n draws; L and ab are averages over the pixels of a feature."""
        rows = torch.randint(len(self.images), (n,), generator=self.rng).numpy()
        return self.at(rows)

    def at(self, rows: np.ndarray) -> Coloured:
        """Those rows."""
        which = np.searchsorted(self.ends, rows, side="right")
        inside = rows - np.concatenate([[0], self.ends[:-1]])[which]

        def column(name: str) -> Tensor:
            taken = np.stack([self.parts[k][name][i] for k, i in zip(which, inside, strict=True)])
            return torch.from_numpy(taken)

        seen = tuple(column(f"stride{s}").view(torch.bfloat16).permute(0, 3, 1, 2) for s in STRIDES)
        L, ab = (column(name).float() for name in ("L", "ab"))
        return Coloured(L, ab, column("y").view(torch.bfloat16).float().softmax(1), seen)


@torch.no_grad()
def look(
    network: EfficientNetLite0,
    images: Tensor,
    folder: Path,
    view: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
    batch: int = 64,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Features, small L and ab, and the teacher's logits of pictures, as arrays in a folder, if they are not there.

    Args:
        network: trunk and teacher; both see L three times.
        images: sRGB uint8 (n, 3, size, size).
        view: of a batch of sRGB in [0, 1]: (the pictures, the L in [0, 1] that the network is to see); None leaves
            them as they are.

    Returns:
        The folder.
    """
    if (folder / "done.json").exists():
        return folder
    n, side = len(images), images.shape[-1]
    shapes: dict[str, tuple[int, ...]] = {f"stride{s}": (side // s, side // s, c) for s, c in STRIDES.items()}
    shapes |= {"L": (1, side // STRIDE, side // STRIDE), "ab": (2, side // STRIDE, side // STRIDE), "y": (1000,)}
    kinds = {"L": np.float16, "ab": np.float16}
    folder.mkdir(parents=True, exist_ok=True)
    out = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kinds.get(name, np.int16), (n, *shape))
        for name, shape in shapes.items()
    }
    network = network.to(memory_format=torch.channels_last)
    for start in range(0, n, batch):
        x = images[start : start + batch].float() / 255
        x, L = (x, scale_l(lightness(x))) if view is None else view(x)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=devices.bfloat16("cpu")):
            seen = network(L.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last))
        rows = slice(start, start + len(x))
        for s, feature in zip(STRIDES, seen.features, strict=True):
            out[f"stride{s}"][rows] = feature.bfloat16().permute(0, 2, 3, 1).contiguous().view(torch.int16).numpy()
        out["y"][rows] = seen.logits.bfloat16().view(torch.int16).numpy()
        out["L"][rows] = avg_pool2d(L, STRIDE).half().numpy()
        out["ab"][rows] = scale_ab(avg_pool2d(rgb_to_lab(x)[:, 1:], STRIDE)).half().numpy()
        tell(min(start + batch, n), n)
    for array in out.values():
        array.flush()
    disk.write(folder / "done.json", json.dumps({"pictures": n, "side": side}).encode())
    return folder


def crops(rng: torch.Generator, smallest: float = 0.5) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A view for `look`: a window of at least `smallest` of the area, mirrored, up to 5/4 wide or high, another gamma.

    The gamma, from 0.7 to 1.4, moves only what the network sees: a dark print of a scene has the colours of the scene.
    """

    def view(x: Tensor) -> tuple[Tensor, Tensor]:
        n = len(x)

        def between(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(n, generator=rng)

        area, ratio = between(smallest, 1.0), (between(-1.0, 1.0) * 0.22).exp()
        h, w = ((area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1))
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0], theta[:, 0, 2] = -w, between(-1, 1) * (1 - w)
        theta[:, 1, 1], theta[:, 1, 2] = h, between(-1, 1) * (1 - h)
        grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
        x = grid_sample(x, grid, "bilinear", "reflection", align_corners=False).clamp(0, 1)
        gamma = (between(-1.0, 1.0) * 0.34).exp().reshape(n, 1, 1, 1)
        return x, scale_l(lightness(x)).clamp(0, 1) ** gamma

    return view


def mean_ab(law: Features) -> Tensor:
    """The mean (a, b) of all pictures, in CIE units."""
    total = sum(torch.from_numpy(part["ab"].astype(np.float64).sum((0, 2, 3))) for part in law.parts)
    pixels = sum(part["ab"][:, 0].size for part in law.parts)
    return unscale_ab(torch.as_tensor(total) / pixels).float()


def _opened(folder: Path) -> dict[str, np.ndarray]:
    if not (folder / "done.json").exists():
        raise UsageError(f"{folder} holds no complete features")
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
