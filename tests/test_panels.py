"""Where figures are parted for a phone."""

import numpy as np
import pytest

from genimg.press import panels


def sheet(*dark, width=1000, height=300):
    figure = np.full((height, width), 255, np.uint8)
    for a, b in dark:
        figure[:, a:b] = 0
    return figure


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (sheet((10, 480), (520, 990)), (0.0, 0.5, 1.0)),
        (sheet((10, 300), (360, 640), (700, 990)), (0.0, 0.33, 0.67, 1.0)),
        (sheet((10, 40), (80, 990)), ()),  # a label and its axes are one panel
        (sheet((10, 990)), ()),
        (sheet((10, 480), (520, 990), height=900), ()),  # as high as wide: it can be read as it is
        (sheet(*((10 + 100 * k, 90 + 100 * k) for k in range(10))), ()),  # a grid of tiles
    ],
)
def test_only_panels_are_parted(figure, expected):
    assert panels.cuts(figure) == pytest.approx(expected)
