"""One look for every figure of the book: a thing keeps its colour, text is legible at 100 %, nothing is decoration.

Each function draws on `ax`, or on a new figure of the book's width, and returns the Axes (`.figure` is the Figure).
None of them calls `plt.show()`; a figure cell ends with it.
"""

from genimg.plots.densities import density1d as density1d
from genimg.plots.densities import histogram as histogram
from genimg.plots.grids import image_grid as image_grid
from genimg.plots.grids import pixels as pixels
from genimg.plots.lines import curves as curves
from genimg.plots.look import BLUE as BLUE
from genimg.plots.look import FULL as FULL
from genimg.plots.look import GREEN as GREEN
from genimg.plots.look import GREY as GREY
from genimg.plots.look import HALF as HALF
from genimg.plots.look import INK as INK
from genimg.plots.look import ORANGE as ORANGE
from genimg.plots.look import OTHERS as OTHERS
from genimg.plots.look import RED as RED
from genimg.plots.look import colour as colour
from genimg.plots.look import figure as figure
from genimg.plots.look import pretty as pretty
from genimg.plots.look import style as style
from genimg.plots.planes import coupling as coupling
from genimg.plots.planes import heat2d as heat2d
from genimg.plots.planes import scatter2d as scatter2d
from genimg.plots.slabs import slabs as slabs
