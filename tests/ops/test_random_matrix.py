from __future__ import annotations

import math

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.ops import gaussian_matrix, projection_matrix, sign_matrix

SIGNS = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 1.0],
    [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0],
]
NORMALS = [1.8735809326171875, -0.1471279263496399, -0.32986345887184143, 0.5021121501922607]


@pytest.mark.parametrize("draw", [sign_matrix, gaussian_matrix])
@pytest.mark.parametrize("cols", [1, 3, 4, 7, 64, 65])
def test_any_block_in_any_order_has_the_same_bits(draw, cols):
    whole = draw(5, 200, cols)
    for start, stop in ((199, 200), (0, 10), (3, 64), (60, 130), (64, 128), (7, 7)):
        assert torch.equal(draw(5, stop - start, cols, start=start), whole[start:stop])


@pytest.mark.parametrize("draw", [sign_matrix, gaussian_matrix])
def test_keys_distinguish_matrices(draw):
    drawn = draw(("rphgnn", 0, "paper"), 40, 30)
    assert torch.equal(drawn, draw(("rphgnn", 0, "paper"), 40, 30))
    assert not torch.equal(drawn, draw(("rphgnn", 1, "paper"), 40, 30))
    assert not torch.equal(draw(1, 40, 30), draw(2, 40, 30))


def test_bits_are_pinned():
    """A release that changes them changes every stored result: change the version, too."""
    assert sign_matrix(7, 2, 12).tolist() == SIGNS
    expected = torch.tensor(NORMALS)
    torch.testing.assert_close(gaussian_matrix(7, 1, 4)[0], expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("s", [1.0, 2.0, 3.0, 20.0])
def test_frequencies_of_signs(s):
    signs = sign_matrix(3, 600, 500, s=s)
    count = signs.numel()
    for value, chance in ((1, 0.5 / s), (-1, 0.5 / s), (0, 1 - 1 / s)):
        sigma = math.sqrt(count * chance * (1 - chance))
        assert abs(int((signs == value).sum()) - count * chance) <= 4 * sigma + 1e-9
    assert signs.unique().tolist() == ([-1, 1] if s == 1 else [-1, 0, 1])


def test_moments_of_normal_entries():
    normal = gaussian_matrix(3, 600, 501).double()
    count = normal.numel()
    assert abs(normal.mean()) < 4 / math.sqrt(count)
    assert abs(normal.var() - 1) < 4 * math.sqrt(2 / count)
    assert abs((normal**4).mean() - 3) < 4 * math.sqrt(96 / count)
    assert 4 < normal.abs().max() < 6.8


@pytest.mark.parametrize("draw", [sign_matrix, gaussian_matrix])
def test_rows_and_columns_are_uncorrelated(draw):
    matrix = draw(11, 512, 256).double()
    matrix /= matrix.std()
    for gram, size in ((matrix.t() @ matrix / 512, 512), (matrix @ matrix.t() / 256, 256)):
        off = gram - gram.diag().diag()
        assert off.abs().max() < 6 / math.sqrt(size)


@pytest.mark.parametrize("kind", ["sparse", "gaussian"])
def test_angles_are_preserved_better_in_higher_dimensions(kind):
    x = torch.nn.functional.normalize(torch.rand(60, 300))
    errors = []
    for width in (16, 256, 4096):
        y = torch.nn.functional.normalize(x @ projection_matrix(1, 300, width, kind=kind))
        errors.append(float((y @ y.t() - x @ x.t()).abs().mean()))
    assert errors[0] > 2.5 * errors[1] > 6 * errors[2]


def test_sparse_kind_has_variance_one():
    matrix = projection_matrix(1, 500, 400, s=3)
    torch.testing.assert_close(matrix.unique(), torch.tensor([-(3**0.5), 0, 3**0.5]))
    assert abs(matrix.var() - 1) < 0.01


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_empty(shape):
    assert sign_matrix(1, *shape).shape == shape
    assert gaussian_matrix(1, *shape).shape == shape


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match=r"s is 0\.5"):
        sign_matrix(1, 2, 2, s=0.5)
    with pytest.raises(ConfigError, match="non-negative integer"):
        sign_matrix(-1, 2, 2)
    with pytest.raises(ConfigError, match="not be negative"):
        sign_matrix(1, -2, 2)
    with pytest.raises(ConfigError, match="gaussian"):
        projection_matrix(1, 2, 2, kind="gausian")
