"""What holds of the talk: one sentence of it each, the records that test it, and a rule that was fixed for all.

The effect of a sentence is a difference per seed, positive where the sentence is right. Its verdict follows from the
95 % interval of the mean (Student's t, as many values as seeds): *holds* if the interval is above 0, *does not hold*
if it is below, *leans so* or *leans against* if all seeds agree in sign and the interval does not exclude 0, and
otherwise *undecided*. Fewer than three seeds decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

from genimg._base.records import Record

SEEDS = 3


@dataclass(frozen=True)
class Sentence:
    """A sentence of the talk and its test.

    Attributes:
        says: what is claimed.
        record: the record whose values are to be larger.
        than: a second record, seed by seed, or a number.
        chapter: where it is discussed.
        note: what the verdict does not say.
        larger: False if they are to be smaller.
    """

    says: str
    record: str
    than: str | float
    chapter: str
    note: str = ""
    larger: bool = True


SENTENCES = (
    Sentence(
        "The supremum over 1-Lipschitz critics is W1: a WGAN's critic is the dual variable of transport.",
        "theory-w1-duality", 1e-6, "03_wasserstein_tv",
        "two exact solvers on random laws, relative gap below 1e-6; a trained critic only comes near",
        larger=False,
    ),
    Sentence(
        "The supremum over critics between -1 and 1 equals the total variation.",
        "theory-tv-factor", 1.0, "03_wasserstein_tv",
        "by the talk's own definition it is twice as large; effect: 1 minus the ratio",
        larger=False,
    ),
    Sentence(
        "D_TV ranks images of a digit that it was never shown as more anomalous than others.",
        "history-mnist-fence-plain-auroc", 0.5, "05_history_ad",
        "AUROC minus 0.5, mean of ten digits, some of them at or below 0; less than an epoch of history",
    ),
    Sentence(
        "It does so with a history of many epochs.",
        "history-epochs-long-blind-auroc", 0.5, "05_history_ad",
        "twelve epochs, three digits; D_TV stopped by its own objective",
    ),
    Sentence(
        "The mean of the critics is a better start of D_TV than the last critic.",
        "history-ablation-rate0-start0.25", "history-ablation-init-last", "05_history_ad", "AUROC, three digits",
    ),
    Sentence(
        "The mean of the critics is a better start of D_TV than random weights.",
        "history-ablation-rate0-start0.25", "history-ablation-init-scratch", "05_history_ad", "AUROC, three digits",
    ),
    Sentence(
        "A soft bound on the critic is better than tanh.",
        "history-ablation-rate0-start0.25", "history-ablation-tanh", "05_history_ad", "AUROC, three digits",
    ),
    Sentence(
        "Trained on one data set, D_TV tells others from it.",
        "history-ood-celeba-plain", 0.5, "05b_beyond_history",
        "AUPRC over chance; faces in place of the talk's SVHN, which could not be had: a proxy",
    ),
    Sentence(
        "It does so for photographs of anything, too.",
        "history-ood-cifar10-plain", 0.5, "05b_beyond_history", "the same with CIFAR-10 as the one data set",
    ),
    Sentence(
        "The adversarial term makes colours more vivid.",
        "colours-imagenette-full-colourfulness", "colours-imagenette-no-wgan-colourfulness", "06_chromagan",
        "colourfulness; Imagenette in place of ImageNet",
    ),
    Sentence(
        "The adversarial term makes coloured pictures more natural.",
        "colours-imagenette-full-accuracy", "colours-imagenette-no-wgan-accuracy", "06_chromagan",
        "recognised by a classifier, their own trunk, in place of people, on Imagenette: a proxy by which plain grey "
        "is above both",
    ),
    Sentence(
        "The adversarial term costs PSNR.",
        "colours-imagenette-no-wgan-psnr", "colours-imagenette-full-psnr", "06_chromagan", "dB",
    ),
    Sentence(
        "The classification term makes them more natural, too.",
        "colours-imagenette-full-accuracy", "colours-imagenette-no-class-accuracy", "06_chromagan",
        "the same proxy; in PSNR, the talk's own table has it cost 0.06 dB",
    ),
    Sentence(
        "With squares missing, the loss with the gradient term fills better than Yeh's.",
        "inpainting-celeba-squares-over-yeh", 0.0, "07_inpainting",
        "dB, 64 faces a seed, one generator; the worst of its four rows minus Yeh's",
    ),
    Sentence(
        "With the centre missing it does so, too.",
        "inpainting-celeba-centre-over-yeh", 0.0, "07_inpainting",
        "the same; its two rows with most weight on the gradients are below. Which table is the centre is our guess",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What the records say of a sentence.

    Attributes:
        sentence: the one.
        word: `holds`, `does not hold`, `leans so`, `leans against`, `undecided`, `too few seeds` or `not run`.
        effect: mean over the seeds, None if it was not run.
        interval: its 95 % interval, None for fewer than three seeds.
        seeds: how many.
    """

    sentence: Sentence
    word: str
    effect: float | None
    interval: tuple[float, float] | None
    seeds: int


def judge(sentence: Sentence, records: Mapping[str, Record]) -> Verdict:
    """The verdict on one sentence.

    Args:
        sentence: one of `SENTENCES`.
        records: by name.

    Example:
        >>> from types import SimpleNamespace as Known
        >>> known = {"a": Known(values=[3.0, 3.1, 2.9]), "b": Known(values=[1.0, 1.0, 1.0])}
        >>> judge(Sentence("a is larger than b", "a", "b", "01"), known).word
        'holds'
        >>> judge(Sentence("a is larger than 3", "a", 3.0, "01"), known).word
        'undecided'
    """
    names = [sentence.record, *([sentence.than] if isinstance(sentence.than, str) else [])]
    if any(name not in records for name in names):
        return Verdict(sentence, "not run", None, None, 0)
    first = records[sentence.record]
    others = records[sentence.than].values if isinstance(sentence.than, str) else [sentence.than] * len(first.values)
    sign = 1.0 if sentence.larger else -1.0
    found = [sign * (a - b) for a, b in zip(first.values, others, strict=True)]
    mean, n = sum(found) / len(found), len(found)
    if n < SEEDS:
        return Verdict(sentence, "too few seeds", mean, None, n)
    deviation = (sum((each - mean) ** 2 for each in found) / (n - 1)) ** 0.5
    half = float(stats.t.ppf(0.975, n - 1)) * deviation / n**0.5
    low, high = mean - half, mean + half
    if low > 0 or high < 0:
        word = "holds" if low > 0 else "does not hold"
    elif all(each > 0 for each in found) or all(each < 0 for each in found):
        word = "leans so" if mean > 0 else "leans against"
    else:
        word = "undecided"
    return Verdict(sentence, word, mean, (low, high), n)


def effect(verdict: Verdict) -> str:
    """The effect and its interval, to be read.

    Example:
        >>> effect(Verdict(SENTENCES[0], "holds", 0.1154, (0.07, 0.16), 3))
        '+0.115 [+0.070, +0.160]'
    """
    if verdict.effect is None:
        return ""
    numbers = [verdict.effect, *(verdict.interval or ())]
    form = "+.3f" if max(map(abs, numbers)) >= 1e-3 else "+.0e"
    first, *ends = (f"{number:{form}}" for number in numbers)
    return f"{first} [{', '.join(ends)}]" if ends else first
