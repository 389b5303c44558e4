"""Exact numbers: distances between laws, optimal transport, fields, Poisson editing, colour spaces, metrics."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, ["color", "divergence", "fields", "interpolation", "metrics", "poisson", "transport"]
)
