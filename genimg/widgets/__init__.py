"""Pictures that answer: the same ES module in Jupyter, in Colab and in the static pages.

In a notebook a widget is an ordinary anywidget with a live kernel behind it. Beside that view its output holds HTML
with a fixed picture and the module itself (`genimg.widgets.page`), which is what the built pages show.
"""

from genimg.widgets.colouring import Colouring
from genimg.widgets.frames import FrameSlider
from genimg.widgets.gan_lab import GanLab
from genimg.widgets.ideas import Idea
from genimg.widgets.latent_path import LatentPath
from genimg.widgets.mask_painter import MaskPainter
from genimg.widgets.perceptual_test import PerceptualTest
from genimg.widgets.two_laws import TwoLaws
