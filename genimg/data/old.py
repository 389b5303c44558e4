"""Old photographs that ship with the package: public domain, each with its credit.

Seventeen black-and-white ones of the Farm Security Administration, 1937 to 1943, and seven plates of Sergei
Prokudin-Gorskii, about 1905 to 1915. He exposed each plate three times, through a blue, a green and a red filter; put
together, the exposures show the colours that were there. Nothing corrects them here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genimg.data.pictures import open_file

FOLDER = Path(__file__).parent / "old_photographs"


@dataclass(frozen=True, eq=False)
class OldPhotograph:
    """One of them.

    Attributes:
        name: its number in the Library of Congress.
        maker, date, what: who took it, when, and what it shows; of the black-and-white ones the archive's caption.
        credit: to stand beside the picture wherever it is shown.
        picture: sRGB (3, h, w) of a plate, (1, h, w) of a black-and-white one, in [0, 1]; its longer side 512 pixels.
    """

    name: str
    maker: str
    date: str
    what: str
    credit: str
    source: str
    picture: Tensor

    @property
    def plate(self) -> bool:
        """Whether its true colours are known."""
        return len(self.picture) == 3


def old_photographs() -> list[OldPhotograph]:
    """All twenty-four, the plates last.

    Raises:
        UsageError: for a file that is damaged.

    Source: Library of Congress, FSA/OWI Collection and Prokudin-Gorskii Collection.

    Example:
        >>> photographs = old_photographs()
        >>> len(photographs), sum(one.plate for one in photographs)
        (24, 7)
    """
    with (FOLDER / "credits.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        OldPhotograph(
            Path(row["file"]).stem, row["maker"], row["date"], row["what"], row["credit"], row["source"],
            _read(FOLDER / row["file"]),
        )
        for row in rows
    ]  # fmt: skip


def _read(path: Path) -> Tensor:
    picture = open_file(path).image
    bytes_ = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return bytes_.reshape(picture.height, picture.width, -1).permute(2, 0, 1).float() / 255
