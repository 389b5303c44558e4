"""What the tests of reliability start in processes of their own; imports no pytest, so that they start at once."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

import genimg as gi
from genimg import devices, zoo
from genimg._base import disk, ranks
from genimg.data import cache

STEPS, PICTURES, VERSIONS = 240, 400, 60


class Told:
    """A law that says when it is asked."""

    def __init__(self, law, tell):
        self.law, self.tell, self.rng = law, tell, law.rng

    def sample(self, n):
        self.tell()
        return self.law.sample(n)


def train(folder, tell=lambda: None, steps=STEPS, batch=16, checkpoint_every=1):
    """A small GAN with a snapshot every fifth step, in `folder`."""
    torch.set_num_threads(1)
    G, D = gi.networks.mlp([2, 16, 2], seed=0), gi.networks.mlp([2, 16, 1], activation="leaky", seed=1)
    real, latent = Told(gi.distributions.ring(gi.rng(2), modes=4), tell), gi.Gaussian(2, gi.rng(3))
    return gi.train_gan(
        G, D, real, latent, gi.WassersteinGP(), steps=steps, rng=gi.rng(9), snapshot_every=5, batch=batch,
        critic_per_step=1, lr=1e-3, checkpoint=folder, checkpoint_every=checkpoint_every,
    )  # fmt: skip


def pictures():
    """What `decode` must give."""
    return np.random.default_rng(0).integers(0, 256, (PICTURES, 3, 32, 32), dtype=np.uint8)


def decode(folder, tell=lambda: None):
    """Fills a file of the cache in `folder` picture by picture."""
    os.environ["GENIMG_CACHE"] = str(folder)

    def build(allocate):
        right = pictures()
        array = allocate(right.shape)
        for k in range(len(array)):
            tell()
            array[k] = right[k]
        return array

    return cache.remembered("toy", "v1", build)


def version(k):
    """Networks of which every weight is k."""
    G, D = gi.networks.dcgan(latent=8, size=28, width=8, seed=0)
    for weight in [*G.parameters(), *D.parameters()]:
        torch.nn.init.constant_(weight, k)
    return G, D


def save(folder, tell=lambda: None, versions=VERSIONS):
    """Writes weights again and again, each time another number in all places."""
    arguments = {"latent": 8, "size": 28, "channels": 1, "width": 8}
    for k in range(1, versions + 1):
        tell()
        zoo.save("toy", "dcgan", arguments, *version(k), {"version": k}, folder=Path(folder))


def pack(folder, tell=lambda: None):
    """Packs the pictures below `folder`."""
    from genimg.data import packing

    decoded = packing.picture
    packing.picture = lambda *arguments: (tell(), decoded(*arguments))[1]
    return packing.make_pack(Path(folder) / "x.zip", Path(folder) / "pictures")


def colour(folder, tell=lambda: None):
    """Writes coloured pictures, each of one grey value, over and over."""
    from genimg.problems.colorize import photographs

    for k in range(1, VERSIONS + 1):
        tell()
        L = torch.full((1, 1, 64, 64), float(k))
        photographs.write(photographs.Photograph(L, None), torch.zeros(1, 2, 4, 4), Path(folder) / "out.png")


def build(folder, tell=lambda: None):
    """Builds a small site again and again, each with another number on all its pages."""
    from genimg.press import pages

    for k in range(1, VERSIONS + 1):

        def built(site, out, log, k=k):
            html = out / "_build" / "html"
            html.mkdir(parents=True)
            for name in ("index", "other"):
                tell()
                (html / f"{name}.html").write_text(f"<html><head></head><body>{k}</body></html>")
            return html

        pages._built = built
        pages.build(Path(folder), Path(folder), Path(folder))


def grades(folder, tell=lambda: None):
    """Writes a table of grades, row by row."""
    from genimg.teach.classroom import grading

    rows = [grading.Grade(f"student {k:03}", "09", "ex", 1, "right") for k in range(40)]
    with grading.table(Path(folder) / "grades.csv") as table:
        for row in rows:
            tell()
            table.add(row)
    tell()
    grading.write_csv(rows, Path(folder) / "grades.csv")


def hold(folder, tell):
    """Holds a folder for ever."""
    with disk.lock(folder):
        tell()
        time.sleep(1000)


def until_killed(job, folder, told):
    """Runs a job, and says through a pipe how it gets on."""
    globals()[job](folder, lambda: told.send("goes on"))
    told.send("has ended")


def rank(folder, steps):
    """Trains in `folder`, where only rank 0 may write; rank 1, whose folder is another, stops for ever near the end."""
    draws = 0

    def wait():
        nonlocal draws
        draws += 1
        if draws == steps - 1:
            (folder / "waiting").write_text(str(os.getpid()))
            time.sleep(1000)

    with ranks.joined(torch.device("cpu")):
        mine = ranks.rank() == 0
        try:
            train(folder / "run" if mine else folder / "nothing", (lambda: None) if mine else wait, steps, 16, 10)
        except RuntimeError as error:
            sys.exit(devices.advice(error) or str(error))


if __name__ == "__main__":
    rank(Path(sys.argv[1]), int(sys.argv[2]))
