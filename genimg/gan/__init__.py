"""The game: laws, objectives, networks, the loops that train them, and their history."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, ["distributions", "history", "networks", "objectives", "runs", "training"]
)
