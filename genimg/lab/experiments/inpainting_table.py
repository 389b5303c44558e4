"""The talk's two tables of inpainting: nine losses, two masks, and what needs no generator, on held-out images.

All rows of a data set share one generator, one way to search it and one budget of steps. Beside them: fills without a
network (`fills`), extensions of the search that are this project's own (`EXTENSIONS`), the limit of what the generator
can reach when it is shown the whole image, and PSNR against the size of the hole.

Each method gives a guide, an image of what might be there; it is scored as it is (raw), with the known pixels put back
(overlay), and joined to them by Poisson editing, over the whole image and over the hole alone. What a method and a mask
gave is kept below `out` as soon as it is there, as in `history_ad`.

A data set takes part if its pictures are here and a generator is: the weights that `genimg train faces` or `digits`
left below `out` for the same profile and seed, else those of the zoo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from genimg import data, zoo
from genimg._base import seeding
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg._base.weights import sha256
from genimg.gan import networks
from genimg.gan.distributions import Gaussian
from genimg.lab.experiments import fills, runner
from genimg.lab.experiments.cells import HOLES, Cell, best_fill, psnr
from genimg.lab.experiments.formulations import OWN, TABLE, slug
from genimg.lab.experiments.searches import LATER_LR, LR, Task, both, extended, filled, reach, search
from genimg.problems import inpaint
from genimg.problems.inpaint import masks


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: tuple[str, ...]  # data sets
    images: int  # held out, of each
    # of the search, where the generator's recipe does not say how it is searched best
    steps: int
    candidates: int
    restarts: int
    later_steps: int  # further ones on the activations of the first layer
    reach_steps: int  # of the search that sees the hole
    holes: tuple[float, ...]  # sides of centre squares, as shares of the image's
    batch: int  # searches at once
    amp: bool  # bfloat16 where the processor has it


SIZES = {
    "quick": Size(
        data=("lfw",), images=3, steps=2, candidates=4, restarts=2, later_steps=2, reach_steps=2,
        holes=(0.25, 0.5), batch=4, amp=False,
    ),
    "cpu": Size(
        data=("celeba", "svhn", "mnist", "scenes"), images=64, steps=200, candidates=256, restarts=4,
        later_steps=40, reach_steps=150, holes=(0.125, 0.25, 0.375, 0.5, 0.625, 0.75), batch=32,
        amp=True,
    ),
    "full": Size(
        data=("celeba", "svhn", "mnist", "scenes"), images=1000, steps=1500, candidates=2048,
        restarts=16, later_steps=500, reach_steps=3000,
        holes=(0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), batch=512, amp=True,
    ),
}  # fmt: skip


class Source(NamedTuple):
    """A data set as sentences call it, its generator (None: untrained, to test the machinery), its side, and the law
    that gives the best linear answer (None: it is fitted to the training images).
    """

    called: str
    generator: str | None
    side: int
    linear: str | None = None


SOURCES = {
    "celeba": Source("CelebA", "faces", 64, "faces-linear"),
    "svhn": Source("SVHN", "svhn", 64),
    "mnist": Source("MNIST", "digits", 28),
    "scenes": Source("scenes", "scenes", 64),
    "lfw": Source("Labeled Faces in the Wild", None, 32),
}
TALKED = ("celeba", "svhn")  # the data sets of the talk's tables
TABLES = {"centre": "a", "squares": "b"}  # masks, and the table of the talk that each is taken for
EXTENSIONS = {
    "restarts": "the best row's loss, the lowest of several searches per image",
    "average": "the same searches, the mean of their G(z) before Poisson editing",
    "later": "the lowest of them, then a search in the activations behind the first layer of G",
}
REACH = "reach"  # the search that sees the hole


class Study(runner.Study[Size]):
    """The tables, what they are to be compared with, and per data set a few numbers that sum them up."""

    def load(self) -> None:
        fills.opencv(), fills.patchmatch()  # what is not installed is missed at once, not after an hour
        needed = f"a generator and pictures of one of {', '.join(self.size.data)} are needed; "
        self.here = self.job.here(self.size.data, self.look, needed + "run `genimg train faces` first")

    def count(self) -> int:
        each = len(TABLES) * (len(TABLE) + 2) + 1 + len(self.size.holes)
        return len(self.here) * len(self.job.seeds) * each

    def parts(self, seed: int) -> dict[str, dict[str, Any]]:
        """By data set."""
        return {name: self.measure(name, seed) for name in self.here}

    def records(self, found: dict[int, dict[str, dict[str, Any]]]) -> dict[str, Record]:
        made: dict[str, Record] = {}
        for name in self.here:
            made |= self.of(name, [parts[name] for parts in found.values()])
        return made

    def look(self, name: str) -> None:
        """Finds a generator and pictures, to see whether they are here."""
        for seed in self.job.seeds:
            self.weights(name, seed)
        data.load(name, "test", size=SOURCES[name].side)

    def weights(self, name: str, seed: int) -> Path | None:
        """The generator's file; None where an untrained one is meant.

        Raises:
            UsageError: if there is none.
        """
        generator = SOURCES[name].generator
        if generator is None:
            return None
        trained = self.job.out / generator / f"{self.job.profile}-{seed}" / f"{generator}.safetensors"
        return trained if trained.is_file() else zoo.file(generator, "gan")

    def law(self, name: str) -> inpaint.Linear:
        """The law of the training images that the best linear answer knows."""
        _, _, side, linear = SOURCES[name]
        if linear is not None:
            return inpaint.Linear.load(linear)
        train = data.load(name, "train", size=side).images
        return inpaint.Linear.fit(train, min(inpaint.linear.COMPONENTS, len(train) // 2))

    def task(self, name: str, seed: int) -> tuple[Task, str | None]:
        """The task of one data set and seed, and the SHA-256 of the generator's weights."""
        size, device, side = self.size, self.job.device, SOURCES[name].side
        pictures = data.load(name, "test", size=side)
        some = torch.randperm(len(pictures), generator=seeding.rng(seeding.child(seed, f"test {name}")))[: size.images]
        y = pictures.take(some).floats()
        law = self.law(name)
        path = self.weights(name, seed)
        G: nn.Module
        D: nn.Module
        if path is None:
            G, D = networks.dcgan(8, side, y.shape[1], 8, seed=seeding.child(seed, "networks"))
            G, D = inpaint.frozen(G.to(device)), inpaint.frozen(D.to(device))
        else:
            G, D = zoo.load(path, device)
        for network in (G, D):  # what convolutions in bfloat16 want
            network.to(memory_format=torch.channels_last)
        rng = seeding.rng(seeding.child(seed, f"pool {name}"), device)
        latent = Gaussian(int(G.latent), rng)  # type: ignore[arg-type]
        if G(latent.sample(1)).shape[1:] != y.shape[1:]:
            raise UsageError(f"{path} makes no pictures of the size of {SOURCES[name].called}, {tuple(y.shape[1:])}")
        # Each image has its own three squares, so that no place decides the table.
        squares = [masks.three_squares(side, seed=seeding.child(seed, f"squares {k}")) for k in range(len(y))]
        pool = latent.sample(size.candidates)
        level = inpaint.critic_level(G, D, latent)
        how = inpaint.Search.of(zoo.recipe(path) if path is not None else {}, inpaint.Search("pool", LR, size.steps))
        how = how.from_mean()  # rows are compared, so none begins where somebody knows faces with holes
        task = Task(y.to(device), torch.cat(squares), law, G, D, pool, level, size, how, how.first(G))
        return task, None if path is None else sha256(path)

    def measure(self, name: str, seed: int) -> dict[str, Any]:
        """Everything about one data set and seed.

        Returns:
            `tables`, cells by mask and method; `holes`, by share and method; `reach`, scores of the whole image;
            `best`, the own row with the highest PSNR, by mask; `parts`, what was kept; `weights`; `images`, how many.
        """
        task, weights = self.task(name, seed)
        settings = {"size": asdict(self.size), "weights": weights, "search": task.how._asdict(), "later_lr": LATER_LR}
        parts = []

        def part(what: str, make: Callable[[], Any], **further: Any) -> Any:
            path, told = self.job.of(seed) / name / f"{what}.json", f"{SOURCES[name].called}, seed {seed}: {what}"
            parts.append(self.job.part(told, path, {**settings, **further}, make))
            return parts[-1]["found"]

        seen = part(REACH, partial(reach, task))
        tables: dict[str, dict[str, Cell]] = {}
        best = {}
        for mask in TABLES:
            cells = {REACH: seen["cells"][mask], **part(f"{mask}-fills", partial(filled, task, task.mask(mask)))}
            for row, formulation in TABLE.items():
                cells[row] = part(f"{mask}-{slug(row)}", partial(search, task, task.mask(mask), formulation))
            best[mask] = max(OWN, key=lambda own: psnr(cells[own]))
            made = partial(extended, task, task.mask(mask), TABLE[best[mask]])
            tables[mask] = {**cells, **part(f"{mask}-extensions", made, row=best[mask])}
        holes = {}
        for share in self.size.holes:
            square = masks.centre_square(task.y.shape[-1], share)
            made = partial(both, task, square, TABLE[best["centre"]])
            holes[str(share)] = part(f"hole-{share}", made, row=best["centre"])
        return {
            "tables": tables, "holes": holes, "reach": seen["whole"], "best": best,
            "parts": parts, "weights": weights, "images": len(task.y), "search": task.how._asdict(),
        }  # fmt: skip

    def of(self, name: str, found: list[dict[str, Any]]) -> dict[str, Record]:
        """Answers to the claims of the talk where it has this data set, and this project's own numbers."""
        size, (called, _, side, _) = self.size, SOURCES[name]
        parts = [part for one in found for part in one["parts"]]
        used = list({one["weights"] for one in found})
        config = {
            **asdict(size),
            "search": found[0]["search"],
            "window": inpaint.OURS.window,
            "norm": "l1",
            "yeh_lambda": inpaint.YEH2017.prior,
        }
        images = f"{called} {side}x{side}, {found[0]['images']} test images per seed"

        def own(
            claim: str, method: str, values: list[float], metric: str, better: str = "higher", **more: Any
        ) -> Record:
            deviations = [*DEVIATIONS, *more.pop("deviations", [])]
            about = {key: more.pop(key) for key in ("source", "dataset", "unit") if key in more}
            return self.job.record(
                parts, claim=claim, chapter="07_inpainting", method=method, metric=metric, better=better, values=values,
                config={**config, **more}, deviations=deviations, weights=used[0] if len(used) == 1 else None,
                **{"dataset": images, "unit": "dB", **about},
            )  # fmt: skip

        made: dict[str, Record] = {}
        for mask, table in TABLES.items():
            cells = [one["tables"][mask] for one in found]
            under = f"{images}; {HOLES[mask]}"
            for row in TABLE:
                for metric, unit, better in (("mse", "1", "lower"), ("psnr", "dB", "higher"), ("ssim", "1", "higher")):
                    if name in TALKED:
                        made[f"inpaint-{table}-{name}-{slug(row)}-{metric}"] = own(
                            f"table {table.upper()}: {row}", f"{row}; Poisson output",
                            [cell[row]["poisson"]["whole"][metric] for cell in cells], metric.upper(), better,
                            unit=unit, dataset=under, source="the talk, slide 'Quantitative results'",
                            cells=[cell[row] for cell in cells],
                        )  # fmt: skip
            best, simple = [one["best"][mask] for one in found], [best_fill(cell) for cell in cells]
            tops = [psnr(cell[row]) for cell, row in zip(cells, best, strict=True)]
            start, of_mean = f"inpainting-{name}-{mask}", "PSNR of the mean MSE, whole image"
            made[f"{start}-best"] = own(
                "the best of the talk's own four losses", "Poisson output", tops, of_mean, dataset=under, rows=best,
                tables=cells,
            )  # fmt: skip
            made[f"{start}-fill"] = own(
                "the best fill that needs no generator", "; ".join(fills.METHODS.values()),
                [value for value, _ in simple], of_mean, dataset=under, best=[fill for _, fill in simple],
            )  # fmt: skip
            made[f"{start}-over-fill"] = own(
                "a generator knows more than its surroundings tell", "best own row minus best fill",
                [top - value for top, (value, _) in zip(tops, simple, strict=True)], f"difference of {of_mean}",
                dataset=under,
            )  # fmt: skip
            made[f"{start}-over-yeh"] = own(
                "every one of the talk's own losses beats Yeh 2017", "worst own row minus Yeh's row, Poisson output",
                [min(psnr(cell[row]) for row in OWN) - psnr(cell["Yeh 2017"]) for cell in cells],
                f"difference of {of_mean}", dataset=under,
            )  # fmt: skip
            for extension, method in EXTENSIONS.items():
                made[f"{start}-{extension}"] = own(
                    "an extension of this project, not of the talk", f"{method}; Poisson output",
                    [psnr(cell[extension]) for cell in cells], of_mean, dataset=under, rows=best, later_lr=LATER_LR,
                    deviations=["The row was chosen by its PSNR on the same images; more searches than in the rows."],
                )  # fmt: skip
        made[f"inpainting-{name}-reach"] = own(
            "what the search can reach at best: the image nearest to y that was found when nothing is missing",
            "argmin ‖G(z) - y‖, raw", [one["reach"]["psnr"] for one in found],
            "PSNR of the mean MSE, whole image", scores=[one["reach"] for one in found],
        )  # fmt: skip
        largest = str(max(size.holes))
        made[f"inpainting-{name}-holes"] = own(
            "where a semantic method wins and where a smooth fill is enough",
            "best own row at the centre square minus best fill, Poisson output",
            [psnr(one["holes"][largest]["search"]) - best_fill(one["holes"][largest])[0] for one in found],
            f"difference of PSNR of the mean MSE, whole image; hole {largest} of the side",
            psnr_by_hole=[
                {
                    share: {method: cell["poisson"]["whole"]["psnr"] for method, cell in cells.items()}
                    for share, cells in one["holes"].items()
                }
                for one in found
            ],
            dataset=f"{images}; centre squares", rows=[one["best"]["centre"] for one in found],
        )  # fmt: skip
        return made


DEVIATIONS = (
    "Which mask belongs to which table of the talk is not stated there: table A is taken for the centre square, B for "
    "three squares.",
    "The talk's generator, its number of test images, steps, step size and starts are not known: all are this "
    "project's, the same in every row.",
    "Yeh's prior takes logits; of this Wasserstein critic it sees scores shifted and scaled to mean 0 and deviation 1 "
    "on generated images.",
    "In rows after Yeh eta multiplies their lambda 0.003; z is normal and not clipped.",
    "Each image has its own three squares.",
)
