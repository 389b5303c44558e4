"""The inverse problems of the talk, tensors in and tensors out: anomaly detection, colouring, inpainting."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["anomaly", "colorize", "inpaint"])
