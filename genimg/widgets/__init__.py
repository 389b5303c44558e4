"""Pictures that answer: the same ES module in Jupyter, in Colab and in the static pages.

In a notebook a widget is an ordinary anywidget with a live kernel behind it. Beside that view its output holds HTML
with a fixed picture and the module itself (`genimg.widgets.page`), which is what the built pages show.
"""

from genimg.widgets.colouring import Colouring as Colouring
from genimg.widgets.frames import FrameSlider as FrameSlider
from genimg.widgets.gan_lab import GanLab as GanLab
from genimg.widgets.latent_path import LatentPath as LatentPath
from genimg.widgets.mask_painter import MaskPainter as MaskPainter
from genimg.widgets.perceptual_test import PerceptualTest as PerceptualTest
from genimg.widgets.two_laws import TwoLaws as TwoLaws
