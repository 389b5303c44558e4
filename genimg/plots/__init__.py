"""One look for every figure of the book: a thing keeps its colour, text is legible at 100 %, nothing is decoration.

Each function draws on `ax`, or on a new figure of the book's width, and returns the Axes (`.figure` is the Figure).
None of them calls `plt.show()`; a figure cell ends with it. Some arguments mean the same in all of them: `x` and `y`
name the axes, `title` is one line above, left; `colours` is label -> colour or one colour per label, in place of what
`colour` says; `ax` draws there instead of on a new figure, which is `width` by `height` inches.
"""

from genimg.plots.densities import density1d, histogram
from genimg.plots.grids import image_grid, pixels
from genimg.plots.lines import curves
from genimg.plots.look import (
    BLUE,
    FULL,
    GREEN,
    GREY,
    HALF,
    INK,
    ORANGE,
    OTHERS,
    RED,
    colour,
    figure,
    frame,
    pretty,
    style,
)
from genimg.plots.planes import coupling, heat2d, scatter2d
from genimg.plots.slabs import slabs
from genimg.plots.tables import Table
