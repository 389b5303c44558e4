"""The node that playwright brings: by it the widgets' modules run in the unit tests, on every machine."""

from pathlib import Path

import playwright

NODE = str(Path(playwright.__file__).with_name("driver") / "node")
