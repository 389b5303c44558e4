"""The ground: errors in one line, seeds, devices, whole files, ranks, weights, records. It knows nothing above it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["devices", "records", "seeding"])
