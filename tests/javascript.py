"""The node that playwright brings: by it the widgets' modules run in the unit tests, on every machine."""

import base64
import json
import subprocess
from pathlib import Path

import playwright

NODE = str(Path(playwright.__file__).with_name("driver") / "node")


def address(source):
    """Of a module's text, to import it from."""
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"


def printed(code):
    """What a script prints, as JSON."""
    done = subprocess.run(
        [NODE, "--input-type=module"], input=code, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def evaluated(source, expression):
    """Of an expression in which the module of that text is `it`."""
    return printed(f'import * as it from "{address(source)}"; console.log(JSON.stringify(await {expression}))')
