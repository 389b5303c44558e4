"""The losses that were published, as arguments of `inpaint`, with the numbers reported for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from genimg.problems.inpaint.weight import WINDOW

YEH_LAMBDA = 0.003  # Yeh et al. 2017, section 3.4


@dataclass(frozen=True)
class Formulation:
    """One loss: its weights, norm and prior, and whether z is clipped.

    Attributes:
        pixel, gradient, prior: alpha, beta and eta of the talk's tables (its slide weighs L_p by alpha instead).
        prior_form, norm, window, clip: as in `Loss` and `search_steps`.

    Example:
        >>> OURS.arguments["gradient"], YEH2017.arguments["prior"]
        (0.5, 0.003)
    """

    pixel: float
    gradient: float
    prior: float
    prior_form: str = "critic"
    norm: str = "l1"
    window: int | None = WINDOW
    clip: float | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """For `inpaint(G, D, y, mask, latent, **formulation.arguments)`."""
        return asdict(self)


def ours(pixel: float, gradient: float, prior: float) -> Formulation:
    """The talk's loss: contextual loss with gradients, prior −D. Norm and window are not stated there; as in Yeh's."""
    return Formulation(pixel, gradient, prior)


def yeh(pixel: float = 1.0, gradient: float = 0.0, prior: float = 1.0, clip: float | None = None) -> Formulation:
    """Yeh's loss with prior λ log(1 − sigmoid(D)), λ = 0.003, times `prior`; the talk adds gradients to it.

    Whether eta of the talk's tables multiplies λ or takes its place is not stated; here it multiplies. With a critic of
    WGAN-GP pass `level=critic_level(G, D, latent)` to `inpaint` besides.
    """
    return Formulation(pixel, gradient, YEH_LAMBDA * prior, "log", clip=clip)


OURS = ours(0.5, 0.5, 1.0)  # the row with the best CelebA numbers of the first table
# Yeh et al. 2017, equations (2) to (5), sections 3.1 and 3.4: L1, window 7, z ~ U[-1, 1]^100 and clipped to [-1, 1].
YEH2017 = yeh(clip=1.0)


class Score(NamedTuple):
    """As reported: MSE for values from 0 to 255, PSNR in dB of the mean MSE, SSIM."""

    mse: float
    psnr: float
    ssim: float


class Row(NamedTuple):
    """A row of the talk's two tables: its loss, and what is reported in the first and second table by data set."""

    name: str
    loss: Formulation
    first: dict[str, Score]
    second: dict[str, Score]


def _row(name: str, loss: Formulation, *numbers: float) -> Row:
    scores = [Score(*numbers[k : k + 3]) for k in range(0, 12, 3)]
    return Row(name, loss, {"celeba": scores[0], "svhn": scores[1]}, {"celeba": scores[2], "svhn": scores[3]})


# The talk, slides "Quantitative results". Which mask belongs to which table is not stated there; the centre square to
# the first and three squares to the second is likely. z is not clipped here in any row, so that all search alike.
TABLE = (
    _row("Yeh 2017", yeh(),
         872.8672, 18.7213, 0.9071, 1535.8693, 16.2673, 0.4925, 622.1092, 20.1921, 0.9087, 1531.4601, 16.2797, 0.4791),
    _row("Yeh 2017 + gradient, 0.1 0.9 1.0", yeh(0.1, 0.9, 1.0),
         832.9295, 18.9247, 0.9087, 1566.8592, 16.1805, 0.4775, 584.3051, 20.4644, 0.9067, 1413.7107, 16.6272, 0.4875),
    _row("Yeh 2017 + gradient, 0.5 0.5 1.0", yeh(0.5, 0.5, 1.0),
         862.9393, 18.7710, 0.9117, 1635.2378, 15.9950, 0.4931, 600.9579, 20.3424, 0.9080, 1427.5251, 16.5850, 0.4889),
    _row("Yeh 2017 + gradient, 0.1 0.9 0.5", yeh(0.1, 0.9, 0.5),
         794.3374, 19.1308, 0.9130, 1472.6770, 16.4438, 0.5041, 580.8126, 20.4904, 0.9115, 1446.3560, 16.5281, 0.5120),
    _row("Yeh 2017 + gradient, 0.5 0.5 0.5", yeh(0.5, 0.5, 0.5),
         876.9104, 18.7013, 0.9063, 1587.2998, 16.1242, 0.4818, 563.4620, 20.6222, 0.9103, 1329.8546, 16.8928, 0.4974),
    _row("ours, 0.1 0.9 1.0", ours(0.1, 0.9, 1.0),
         855.3476, 18.8094, 0.9158, 631.0078, 20.1305, 0.8169, 424.7942, 21.8490, 0.9281, 168.9121, 25.8542, 0.8960),
    _row("ours, 0.5 0.5 1.0", ours(0.5, 0.5, 1.0),
         785.2562, 19.1807, 0.9196, 743.8718, 19.4158, 0.8030, 380.4035, 22.3284, 0.9314, 221.7906, 24.6714, 0.9018),
    _row("ours, 0.1 0.9 0.5", ours(0.1, 0.9, 0.5),
         862.4890, 18.7733, 0.9135, 622.9391, 20.1863, 0.8005, 321.3023, 23.0617, 0.9341, 154.5582, 26.2399, 0.8969),
    _row("ours, 0.5 0.5 0.5", ours(0.5, 0.5, 0.5),
         833.9951, 18.9192, 0.9146, 703.8026, 19.6563, 0.8000, 411.8664, 21.9832, 0.9292, 171.7974, 25.7806, 0.8939),
)  # fmt: skip
