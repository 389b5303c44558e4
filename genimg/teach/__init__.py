"""Exercises: their checks, and the classroom that hands out chapters and grades answers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["check", "classroom"])
