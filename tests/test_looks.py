"""ST-LPIPS against its layers written out, and what it says of pictures that are changed a little."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, max_pool2d, pad

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.networks import ShiftTolerantLPIPS, load_stlpips
from genimg.gan.networks.stlpips import Blur
from genimg.lab.experiments import looks

PRETRAINED = pytest.mark.skipif(not gi.zoo.pretrained(), reason="needs the extra `pretrained`")


@pytest.fixture(scope="module")
def face():
    from skimage.data import astronaut

    x = torch.from_numpy(astronaut()[:256, 96:352].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    return interpolate(x, (64, 64), mode="area")


def test_every_second_pixel_of_a_smoothed_row():
    x = torch.zeros(1, 1, 1, 7).expand(-1, 2, 7, -1).clone()
    x[:, :, :, 2] = 4.0
    # Reflected by two: 4 0 | 0 0 4 ... is 4 0 0 0 4 0 0 0 0 0 0; windows of three begin at every second one.
    assert Blur()(x)[0, 1, 2].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_distances_of_networks_at_random_are_these_layers_written_out():
    with gi.seeding.seeded(0):
        network = ShiftTolerantLPIPS().eval()
        for weight in network.weights:
            torch.nn.init.uniform_(weight)
    x, y = torch.rand(2, 3, 3, 40, 32, generator=gi.rng(0), dtype=torch.float32) * 2 - 1
    of = dict(network.state_dict())
    w, lin = [of[k] for k in of if k.startswith("trunk")], [of[k] for k in of if k.startswith("weights")]
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    filt = (line[:, None] * line)[None, None]

    def blur(a):
        rows = [conv2d(pad(a[:, [c]], (2, 2, 2, 2), mode="reflect"), filt)[..., ::2, ::2] for c in range(a.shape[1])]
        return torch.cat(rows, 1)

    def five(a):
        a = (a - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[
            :, None, None
        ]
        yield (a := blur(conv2d(a, w[0], w[1], padding=2)).relu())
        yield (a := conv2d(blur(max_pool2d(a, 3, 1)), w[2], w[3], padding=2).relu())
        yield (a := conv2d(blur(max_pool2d(a, 3, 1)), w[4], w[5], padding=1).relu())
        yield (a := conv2d(a, w[6], w[7], padding=1).relu())
        yield conv2d(a, w[8], w[9], padding=1).relu()

    with torch.no_grad():
        apart = network(x, y)
        expected = torch.zeros(3)
        for weight, a, b in zip(lin, five(x), five(y), strict=True):
            a, b = (v / v.square().sum(1, keepdim=True).sqrt().clamp(min=1e-10) for v in (a, b))
            expected += ((a - b).square() * weight[:, None, None]).sum(1).mean((1, 2))
        assert torch.allclose(apart, expected, rtol=1e-5)
        assert torch.allclose(network(y, x), apart)
        assert network(x, x).tolist() == [0.0] * 3


def test_weights_go_in_by_their_order_and_others_are_refused():
    with gi.seeding.seeded(1):
        network = ShiftTolerantLPIPS().eval()
    state = network.state_dict()
    layers = iter(range(100))
    published = {f"net.slice.{k}": v for k, v in state.items() if k.startswith("trunk")} | {
        f"lin{next(layers)}.model.1.weight": v[None, :, None, None] for k, v in state.items() if k.startswith("weights")
    }
    found = load_stlpips({"net.slice1.1.filt": torch.ones(1), **published})
    assert all(torch.equal(a, b) for a, b in zip(found.state_dict().values(), state.values(), strict=True))
    with pytest.raises(UsageError, match="not those of ST-LPIPS"):
        load_stlpips({"net.x.weight": torch.zeros(3)})


@PRETRAINED
def test_the_published_weights_forgive_a_shift_and_not_a_blur(face):
    distance = gi.zoo.stlpips()
    noise = torch.randn(face.shape, generator=gi.rng(0))
    changed = {
        "shift": face.roll(1, 3), "grey": face.mean(1, keepdim=True).expand_as(face),
        "blur": avg_pool2d(pad(face, (1, 1, 1, 1), mode="replicate"), 3, 1), "noise": face + 0.3 * noise,
    }  # fmt: skip
    found = {name: float(distance(face, x)) for name, x in changed.items()}
    assert found["shift"] < 0.01 and found["noise"] > 0.3  # the package itself says 0.005 and 0.417
    assert 0.1 < found["grey"] < found["blur"] < 0.2
    psnr = {name: gi.metrics.psnr(x, face, 2) for name, x in changed.items()}
    assert psnr["blur"] > psnr["shift"]  # what decibels prefer


@PRETRAINED
def test_the_judges_prefer_the_truth_and_variety(face):
    x = torch.cat([face.roll(k, 2) for k in range(0, 24, 3)])
    judge = looks.Looks(x)
    truth, blurred = judge.of(x, x), judge.of(avg_pool2d(pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1), x)
    assert truth["st-lpips"] == 0 and truth["kid"] < 0 < blurred["kid"] and blurred["st-lpips"] > 0.1
    assert looks.diversity(face.expand(4, -1, -1, -1)) == 0 < looks.diversity(torch.cat([face, face.flip(2)]))
