"""genimg: generative methods for inverse problems in imaging, the package under the book.

Two ideas carry it. A critic is a dual variable: the vanilla GAN, WGAN, WGAN-GP and the total-variation
detector are one loop with another constraint on D. A distribution is anything with `.sample(n)`: data,
noise, a pushforward G#P_Z and a history of generators are interchangeable arguments.

Everything is resolved on first use, so that `import genimg` costs nothing; `__init__.pyi` lists what there is.
"""

import lazy_loader

__version__ = "1.0.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
