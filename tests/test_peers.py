"""The detectors of PyOD: sign, seed, what happens without them, and what the experiment keeps apart."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from genimg import anomaly, seeding
from genimg._base.errors import UsageError
from genimg.lab.experiments import history_ad, peers

SMALL = dataclasses.replace(peers.BUDGETS["quick"], rows=400, neighbours=400, epochs=20, steps=60, search=20)


@pytest.fixture(scope="module")
def images():
    """Normal: one dark blob with a little noise, in colour. Outliers: bright images full of noise."""
    rng = seeding.rng(0)
    line = torch.linspace(-1, 1, 8)
    blob = torch.exp(-4 * (line[:, None] ** 2 + line**2)) - 1
    normal = (blob + 0.1 * torch.randn(440, 3, 8, 8, generator=rng)).clamp(-1, 1)
    return normal[:400], normal[400:], torch.rand(40, 3, 8, 8, generator=rng)


@pytest.mark.parametrize("name", peers.METHODS)
def test_an_obvious_outlier_scores_higher(name, images):
    train, normal, odd = images
    found = peers.scores(name, train, torch.cat([normal, odd]), 0, SMALL)
    labels = torch.cat([torch.zeros(40), torch.ones(40)])
    assert found.shape == (80,) and found.dtype == torch.float32
    assert anomaly.evaluate(found, labels).auroc > 0.95


@pytest.mark.parametrize("name", peers.METHODS)
def test_a_seed_decides_everything_and_nothing_else_is_touched(name, images):
    train, normal, odd = images
    test, quick = torch.cat([normal, odd]), peers.BUDGETS["quick"]
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    expected = float(torch.rand(())), float(np.random.rand()), random.random()
    first = peers.scores(name, train, test, 1, quick)
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    again = peers.scores(name, train, test, 1, quick)
    assert torch.equal(first, again)
    assert (float(torch.rand(())), float(np.random.rand()), random.random()) == expected
    assert not torch.equal(first, peers.scores(name, train, test, 2, quick))


def test_anogan_searches_for_each_image_alone_and_leaves_its_networks_as_trained(images):
    """The scores of PyOD's own fit depend on the images before; these must not depend on their company."""
    G = torch.nn.Linear(peers.LATENT, 3)
    D = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Sigmoid())
    x, before = torch.rand(5, 3), [p.clone() for p in (*G.parameters(), *D.parameters())]
    with seeding.ambient(0):
        together = peers.searched(G, D, x, 30, 0.01)
    with seeding.ambient(0):
        alone = peers.searched(G, D, x[:1], 30, 0.01)
    with seeding.ambient(0):
        unsearched = peers.searched(G, D, x, 0, 0.01)
    assert torch.allclose(together[:1], alone, atol=1e-6)
    assert bool((together < unsearched).all())
    assert all(torch.equal(a, b) for a, b in zip(before, (*G.parameters(), *D.parameters()), strict=True))


def test_without_pyod_one_line_says_what_to_install(images, monkeypatch):
    def none(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="pyod")

    monkeypatch.setattr(peers.importlib, "import_module", none)
    for call in (peers.version, lambda: peers.scores("vae", images[0], images[1], 0, SMALL)):
        with pytest.raises(UsageError, match=r"pip install 'genimg-book\[peers\]'") as error:
            call()
        assert "\n" not in str(error.value)


def test_bad_requests_are_one_line(images):
    with pytest.raises(UsageError, match="did you mean 'anogan'"):
        peers.scores("anogam", *images[:2], 0, SMALL)
    with pytest.raises(UsageError, match="images of one size"):
        peers.scores("knn", images[0], images[1][:, :1], 0, SMALL)


def test_shared_training_rows_are_in_neither_test_part():
    labels = torch.arange(2000) % 10
    chosen = history_ad.splits(labels, seed=0, digit=3, group=("fence", "egbad"))
    rows = history_ad.common_rows(chosen)
    assert len(rows) > 1000 and len(rows.unique()) == len(rows) and not bool((labels[rows] == 3).any())
    for split in chosen.values():
        assert bool(torch.isin(rows, split.train.rows).all()) and not bool(torch.isin(rows, split.test.rows).any())
    alone = history_ad.common_rows({"fence": chosen["fence"]})
    assert torch.equal(alone, chosen["fence"].train.rows.sort().values)
