"""Tables of results: as text, as HTML, and which numbers they mark."""

import pytest
from bs4 import BeautifulSoup

from genimg._base.errors import UsageError
from genimg.plots import Table

ROWS = {"critic": [(0.914, 0.0104), 12.25], "mean": [0.914, 3.0], "chance": [0.99, None], "<other>": [None, "n/a"]}


def made(**changes):
    return Table(ROWS, ["AUROC", "PSNR"], **{"best": ["high", "low"], "digits": [3, 1], **changes})


def parsed(table):
    return BeautifulSoup(table._repr_html_(), "html.parser")


def test_the_best_is_the_best_of_what_is_shown_and_of_those_that_compete():
    bold = [tag.text for tag in parsed(made(apart=["chance"])).find_all("strong")]
    assert bold == ["0.914", "0.914", "3.0"]  # a tie to the digits that one sees
    assert sorted(tag.text for tag in parsed(made()).find_all("strong")) == ["0.990", "3.0"]
    assert parsed(made(best="")).find("strong") is None


def test_cells_keep_their_number_for_sorting_and_names_are_escaped():
    page = parsed(made(trivial=["mean"], apart=["chance"], title="a & b"))
    cells = [[cell.get("data-value") for cell in row.find_all("td")] for row in page.tbody.find_all("tr")]
    assert cells == [["0.914", "12.2"], ["0.914", "3.0"], ["0.990", None], [None, None]]
    assert [row.get("class") for row in page.tbody.find_all("tr")] == [None, ["trivial"], ["apart"], None]
    assert page.find("other") is None and page.caption.text == "a & b"
    assert page.find("small").text == "±0.010"


def test_as_text_numbers_end_under_each_other():
    lines = repr(made(apart=["chance"], corner="method")).splitlines()
    assert lines[0].startswith("method ") and lines[-1].startswith("* the best")
    ends = {line.index("0.9") for line in lines[1:4]}
    assert len(ends) == 1 and not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digits": [1]}, "one entry per column"),
        ({"trivial": ["none"]}, "no row"),
        ({"best": "most"}, "must be 'high'"),
    ],
)
def test_what_does_not_fit_is_one_line(changes, message):
    with pytest.raises(UsageError, match=message):
        made(**changes)
