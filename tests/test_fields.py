import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg._base.errors import UsageError
from genimg.numerics.fields import div, grad

shapes = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


def pair(shape, seed):
    rng = torch.Generator().manual_seed(seed)
    n, c, h, w = shape
    u = torch.randn(n, c, h, w, generator=rng, dtype=torch.float64)
    return u, torch.randn(n, 2, c, h, w, generator=rng, dtype=torch.float64)


@given(shapes, st.integers(0, 1000))
def test_div_is_the_negative_adjoint_of_grad(shape, seed):
    u, p = pair(shape, seed)
    assert float((grad(u) * p).sum()) == pytest.approx(float(-(u * div(p)).sum()), abs=1e-9)


@given(shapes, st.integers(0, 1000))
def test_div_is_what_autograd_says(shape, seed):
    u, p = pair(shape, seed)
    u.requires_grad_()
    (grad(u) * p).sum().backward()
    torch.testing.assert_close(u.grad, -div(p))


@given(shapes)
def test_constants_have_no_gradient_and_divergence_no_mean(shape):
    u, p = pair(shape, 0)
    assert grad(torch.full_like(u, 3.0)).abs().max() == 0
    assert div(p).sum().item() == pytest.approx(0, abs=1e-9)


def test_numpy_agrees_away_from_the_border():
    u, _ = pair((2, 3, 5, 6), 0)
    field = grad(u).numpy()
    np.testing.assert_allclose(field[:, 0, :, :-1], np.diff(u.numpy(), axis=2))
    np.testing.assert_allclose(field[:, 1, :, :, :-1], np.diff(u.numpy(), axis=3))
    assert field.shape == (2, 2, 3, 5, 6)
    assert np.abs(field[:, 0, :, -1]).max() == np.abs(field[:, 1, :, :, -1]).max() == 0


def test_the_first_direction_points_down():
    rows = torch.arange(4.0)[:, None].expand(4, 5)[None, None]
    assert grad(rows)[:, 0, :, :-1].unique().tolist() == [1.0]
    assert grad(rows)[:, 1].unique().tolist() == [0.0]


def test_the_laplacian_is_the_five_point_stencil():
    u = torch.zeros(1, 1, 5, 5)
    u[0, 0, 2, 2] = 1
    laplacian = torch.zeros(5, 5)
    laplacian[2, 2], laplacian[1, 2], laplacian[3, 2], laplacian[2, 1], laplacian[2, 3] = -4, 1, 1, 1, 1
    assert torch.equal(div(grad(u))[0, 0], laplacian)


def test_bad_shapes_are_one_clear_line():
    with pytest.raises(UsageError, match=r"images \(n, c, h, w\)"):
        grad(torch.zeros(5, 5))
    with pytest.raises(UsageError, match=r"fields \(n, 2, c, h, w\)"):
        div(torch.zeros(1, 3, 2, 5, 5))
