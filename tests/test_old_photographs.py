"""The old photographs that ship: how many, how large, each with its credit, and the plates in colours."""

import base64
import re
from pathlib import Path

import pytest

from genimg import data
from genimg.data import old
from genimg.press import notebooks

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def photographs():
    return data.old_photographs()


def test_they_are_few_and_small(photographs):
    files = list(old.FOLDER.glob("*.jpg"))
    assert len(photographs) == len(files) == 24 == len({one.name for one in photographs})
    assert sum(file.stat().st_size for file in files) < 3_000_000
    assert all(max(one.picture.shape[1:]) <= 512 and min(one.picture.shape[1:]) >= 128 for one in photographs)


def test_each_says_whose_it_is(photographs):
    for one in photographs:
        assert one.maker in one.credit and "Library of Congress" in one.credit and one.name in one.source
        assert ("public domain" if one.plate else "work of the United States government") in one.credit
        assert one.what and "19" in one.date


def test_seven_are_plates_and_have_colours(photographs):
    plates = [one.picture for one in photographs if one.plate]
    assert len(plates) == 7 and all(float((x[0] - x[2]).abs().mean()) > 0.03 for x in plates)
    assert all(0 <= one.picture.min() < 0.2 and 0.6 < one.picture.max() <= 1 for one in photographs)


def test_they_and_what_the_book_shows_of_them_stay_below_three_megabytes():
    """What their keepers ask: files, figures and the widgets' pictures together."""
    shown = sum(file.stat().st_size for file in old.FOLDER.glob("*.jpg"))
    cells = 0
    for path in notebooks.chapters(ROOT):
        for cell in notebooks.code_cells(notebooks.read(path)):
            provenance = cell.metadata.get("genimg", {}).get("provenance")
            if not isinstance(provenance, dict) or "Library of Congress" not in provenance.get("data", ""):
                continue
            cells += 1
            for output in cell.outputs:
                data = output.get("data", {})
                urls = re.findall(r"data:image/\w+;base64,([\w+/=]+)", data.get("text/html", ""))
                shown += sum(len(base64.b64decode(text)) for text in [*urls, data.get("image/png", "")])
    assert cells >= 4
    assert shown < 3_000_000
