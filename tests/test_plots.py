"""The figures' convention: white gutters, exact aspect, one colour per thing, a label per thing."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from PIL import Image

from genimg import plots
from genimg._base.errors import UsageError


@pytest.fixture(autouse=True)
def clean() -> object:
    plots.style()
    yield None
    plt.close("all")


def drawn(ax: Axes) -> np.ndarray:
    """The whole figure as the book stores it: (h, w, 3) at 200 pixels per inch."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [t.get_text() for t in [*ax.texts, *(legend.get_texts() if legend else [])]]


class TestPixels:
    def test_floats_and_bytes_are_the_same_picture(self) -> None:
        levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
        np.testing.assert_array_equal(plots.pixels(levels), plots.pixels(levels.float() / 127.5 - 1))

    def test_channels_end_up_last_and_in_order(self) -> None:
        red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
        assert plots.pixels(red).tolist() == [[[[255, 0, 0]]]]

    @pytest.mark.parametrize(
        "bad",
        [
            torch.zeros(4, 4),
            torch.zeros(1, 2, 4, 4),
            torch.full((1, 1, 2, 2), 200.0),
            torch.full((1, 1, 2, 2), torch.nan),
        ],
    )
    def test_other_units_and_shapes_are_refused(self, bad: torch.Tensor) -> None:
        with pytest.raises(UsageError, match="images must"):
            plots.pixels(bad)


class TestImageGrid:
    def test_gutters_are_white_and_images_black(self) -> None:
        ax = plots.image_grid(torch.full((6, 1, 8, 8), -1.0), columns=3)
        sheet = np.asarray(ax.images[0].get_array())
        gap = 8  # 0.04 inch at 200 per inch
        width = (sheet.shape[1] - 2 * gap) // 3
        assert (sheet[:, width : width + gap] == 255).all()
        assert (sheet[:width, :width] == 0).all()
        assert (sheet[width : width + gap] == 255).all()

    def test_what_is_saved_is_the_sheet_pixel_by_pixel(self) -> None:
        noise = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        ax = plots.image_grid(noise, columns=4, captions="noise")
        sheet, page = np.asarray(ax.images[0].get_array()), drawn(ax)
        left = (page.shape[1] - sheet.shape[1]) // 2
        np.testing.assert_array_equal(page[: sheet.shape[0], left : left + sheet.shape[1]], sheet)
        assert page.shape[1] == plots.FULL * 200

    def test_aspect_is_kept(self) -> None:
        sheet = np.asarray(plots.image_grid(torch.zeros(1, 1, 10, 30)).images[0].get_array())
        assert sheet.shape[1] == 3 * sheet.shape[0]

    def test_small_images_grow_by_whole_numbers(self) -> None:
        checker = torch.tensor([[-1.0, 1.0], [1.0, -1.0]]).repeat(4, 4).view(1, 1, 8, 8)
        sheet = np.asarray(plots.image_grid(checker).images[0].get_array())
        assert sheet.shape[0] % 8 == 0
        assert set(np.unique(sheet).tolist()) == {0, 255}

    def test_last_row_is_filled_with_white(self) -> None:
        ax = plots.image_grid(torch.full((3, 1, 8, 8), -1.0), columns=2)
        sheet = np.asarray(ax.images[0].get_array())
        assert (sheet[-20:, -20:] == 255).all()
        assert (sheet[-20:, :20] == 0).all()

    @pytest.mark.parametrize(("captions", "count"), [("one line", 1), (["a", "b", "c"], 3), (list("abcdef"), 6)])
    def test_captions(self, captions: str | list[str], count: int) -> None:
        ax = plots.image_grid(torch.zeros(6, 3, 8, 8), columns=3, captions=captions, rows=["top", "bottom"])
        assert len(ax.texts) == count + 2
        assert ax.figure.get_layout_engine().__class__.__name__ == "PlaceHolderLayoutEngine"

    def test_captions_are_inside_the_figure(self) -> None:
        ax = plots.image_grid(torch.zeros(6, 1, 8, 8), columns=3, captions=list("abcdef"), rows=["first row", "second"])
        figure = ax.figure
        figure.draw_without_rendering()
        for text in ax.texts:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0, text.get_text()
            assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text.get_text()

    def test_wrong_number_of_captions(self) -> None:
        with pytest.raises(UsageError, match="captions must be"):
            plots.image_grid(torch.zeros(6, 1, 8, 8), columns=3, captions=["a", "b"])
        with pytest.raises(UsageError, match="rows must hold"):
            plots.image_grid(torch.zeros(6, 1, 8, 8), columns=3, rows=["a"])

    def test_on_given_axes(self) -> None:
        _, (left, right) = plots.figure(panels=2)
        assert plots.image_grid(torch.zeros(4, 1, 8, 8), columns=2, ax=right) is right
        assert right.images and not left.images


class TestColours:
    @pytest.mark.parametrize(
        ("label", "expected"),
        [
            ("P_real", plots.BLUE),
            (r"$\mathbb{P}_{real}$", plots.BLUE),
            ("P1", plots.BLUE),
            ("P_G", plots.ORANGE),
            (r"$P_\theta$", plots.ORANGE),
            ("generated", plots.ORANGE),
            ("D", plots.GREEN),
            ("D* = 1_P - 1_N", plots.GREEN),
            ("anomalous digit", plots.RED),
            ("density", plots.OTHERS[0]),
            ("flow", plots.OTHERS[0]),
        ],
    )
    def test_a_thing_keeps_its_colour(self, label: str, expected: str) -> None:
        assert plots.colour(label) == expected

    def test_unnamed_curves_differ_in_colour_and_dash(self) -> None:
        ax = plots.curves({"JS": [0, 1], "P_real": [1, 1], "TV": [1, 2], "KL": [2, 3]})
        lines = {line.get_label(): line for line in ax.lines}
        assert to_hex(lines["P_real"].get_color()).upper() == plots.BLUE
        others = [lines[name] for name in ("JS", "TV", "KL")]
        assert len({line.get_color() for line in others}) == 3
        assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in others}) == 3

    def test_colours_for_unknown_labels_are_a_mistake(self) -> None:
        with pytest.raises(UsageError, match="'b', which is not among"):
            plots.curves({"a": [0, 1]}, colours={"b": plots.GREY})


class TestCurves:
    def test_labels_stand_at_the_ends_and_do_not_overlap(self) -> None:
        ax = plots.curves({"one": [0, 1.0], "two": [5, 1.001], "three": [2, 0.999], "far": [0, 9]})
        figure = ax.figure
        figure.draw_without_rendering()
        boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
        assert len(boxes) == 4
        assert all(low.y1 <= high.y0 + 2 for low, high in itertools.pairwise(boxes))
        assert all(box.x0 > ax.transData.transform((1, 0))[0] for box in boxes)
        assert all(box.x1 <= figure.bbox.x1 for box in boxes)

    def test_moving_average_starts_where_it_is_defined(self) -> None:
        ax = plots.curves({"critic": [0.0, 2.0, 4.0, 6.0]}, smooth=2)
        raw, mean = ax.lines
        assert mean.get_xdata().tolist() == [1, 2, 3]
        assert mean.get_ydata().tolist() == [1, 3, 5]
        assert raw.get_alpha() < 0.5

    def test_levels_and_scales(self) -> None:
        ax = plots.curves({"JS": ([1, 10], [0.1, 0.6])}, level={"log 2": np.log(2)}, log="x", ylim=(0, 1))
        assert ax.get_xscale() == "log" and ax.get_yscale() == "linear"
        assert texts(ax) == ["log 2", "JS"]
        assert ax.get_ylim() == (0, 1)

    def test_tensors_that_need_gradients_are_accepted(self) -> None:
        ax = plots.curves({"D": torch.ones(3, requires_grad=True)})
        assert ax.lines[0].get_ydata().tolist() == [1, 1, 1]

    @pytest.mark.parametrize(
        ("series", "options", "message"),
        [
            ({"a": ([0, 1], [1])}, {}, "equally long"),
            ({"a": [0, float("nan")]}, {}, "NaN"),
            ({"a": []}, {}, "empty"),
            ({"a": [0, 1]}, {"labels": "legend"}, "labels must be"),
            ({"a": [0, 1]}, {"log": "z"}, "log must be"),
        ],
    )
    def test_bad_input(self, series: dict[str, object], options: dict[str, str], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            plots.curves(series, **options)


class TestLaws:
    grid = torch.linspace(-4, 4, 81)

    def test_densities_are_filled_in_their_colours_and_named_at_the_peak(self) -> None:
        real, fake = torch.exp(-((self.grid + 1) ** 2)), torch.exp(-((self.grid - 2) ** 2))
        ax = plots.density1d(self.grid, {"P_real": real, "P_G": fake})
        assert [to_hex(fill.get_facecolor()[0]).upper() for fill in ax.collections] == [plots.BLUE, plots.ORANGE]
        assert [round(float(text.xy[0]), 1) for text in ax.texts] == [-1.0, 2.0]

    def test_the_critic_is_green_and_has_its_own_axis(self) -> None:
        flat = torch.ones(81)
        ax = plots.density1d(self.grid, {"P_real": flat}, critic={"D*": -flat}, critic_axis="D")
        (right,) = [other for other in ax.figure.axes if other is not ax]
        assert to_hex(right.lines[0].get_color()).upper() == plots.GREEN
        assert right.get_ylim()[0] < -1 < right.get_ylim()[1]
        assert ax.get_ylim()[0] == 0

    def test_a_negative_density_is_refused(self) -> None:
        with pytest.raises(UsageError, match="negative"):
            plots.density1d([0, 1], {"P_real": [-0.1, 1]})
        with pytest.raises(UsageError, match="one value per grid point"):
            plots.density1d([0, 1], {"P_real": [1, 1, 1]})

    def test_histogram_has_area_one(self) -> None:
        ax = plots.histogram({"a": torch.arange(10.0), "b": torch.arange(5.0)}, bins=7)
        heights, edges, _ = ax.patches[0].get_data()
        assert float((heights * np.diff(edges)).sum()) == pytest.approx(1)
        assert texts(ax) == ["a", "b"]

    def test_samples_are_all_there_at_equal_aspect(self) -> None:
        ax = plots.scatter2d({"P_real": torch.randn(50, 2), "P_G": torch.randn(30, 2)}, limits=(-3, 3, -1, 1))
        assert [len(dots.get_offsets()) for dots in ax.collections] == [50, 30]
        assert [to_hex(dots.get_facecolor()[0]).upper() for dots in ax.collections] == [plots.BLUE, plots.ORANGE]
        assert ax.get_aspect() == 1
        assert len(texts(ax)) == 2

    def test_samples_must_be_planar(self) -> None:
        with pytest.raises(UsageError, match="points of the plane"):
            plots.scatter2d({"P_real": torch.randn(5, 3)})


class TestCoupling:
    def test_lines_only_where_mass_moves(self) -> None:
        plan = torch.tensor([[0.5, 0.0], [0.25, 0.25]])
        ax = plots.coupling(torch.zeros(2, 2), torch.ones(2, 2), plan)
        lines = ax.collections[0]
        assert len(lines.get_segments()) == 3
        assert lines.get_color()[0, 3] > lines.get_color()[1, 3]

    def test_heat_map_puts_x_across_and_y_up(self) -> None:
        plan = np.zeros((3, 2))
        plan[2, 0] = 1.0  # from the largest x to the smallest y
        ax = plots.coupling([0.0, 1.0, 2.0], [0.0, 2.0], plan)
        heat = np.asarray(ax.collections[0].get_array()).reshape(2, 3)
        assert heat.tolist() == [[0, 0, 1], [0, 0, 0]]

    def test_unsorted_points_carry_their_mass_along(self) -> None:
        plan = np.array([[0.0, 1.0], [0.0, 0.0]])
        ax = plots.coupling([5.0, 1.0], [0.0, 2.0], plan)
        heat = np.asarray(ax.collections[0].get_array()).reshape(2, 2)
        assert heat.tolist() == [[0, 0], [0, 1]]

    def test_bad_plans(self) -> None:
        with pytest.raises(UsageError, match="one entry per pair"):
            plots.coupling([0.0, 1.0], [0.0], np.ones((1, 2)))
        with pytest.raises(UsageError, match="negative"):
            plots.coupling([0.0], [0.0], [[-1.0]])


class TestHeat:
    def test_rows_are_y_and_grow_upwards(self) -> None:
        seen = []

        def critic(points: torch.Tensor) -> torch.Tensor:
            seen.append(points)
            return points[:, 1]

        ax = plots.heat2d(critic, (0, 1, 10, 12), {"P_G": torch.zeros(4, 2)}, points=3)
        assert seen[0].tolist()[:4] == [[0.0, 10.0], [0.5, 10.0], [1.0, 10.0], [0.0, 11.0]]
        assert ax.get_ylim() == (10, 12)
        assert texts(ax) == [r"$P_\mathrm{G}$"]
        page = drawn(ax)
        inside = page[page.shape[0] // 4 : -page.shape[0] // 4, page.shape[1] // 2]
        assert inside[0, 0] < inside[-1, 0]  # darker green above

    def test_modules_values_and_mistakes(self) -> None:
        plots.heat2d(torch.nn.Linear(2, 1), (0, 1, 0, 1), points=4)
        plots.heat2d(np.ones((3, 4)), (0, 1, 0, 1))
        with pytest.raises(UsageError, match="one value per point"):
            plots.heat2d(lambda p: p, (0, 1, 0, 1), points=4)
        with pytest.raises(UsageError, match="limits must"):
            plots.heat2d(lambda p: p[:, 0], (1, 0, 0, 1))


def test_style_is_the_whole_state() -> None:
    plt.rcParams["font.size"] = 30
    plots.style()
    assert plt.rcParams["font.size"] == 10
    assert plt.rcParams["figure.facecolor"] == "white"


def test_same_figure_same_bytes() -> None:
    def once() -> bytes:
        file = io.BytesIO()
        plots.curves({"JS": [0, 1], "TV": [1, 0]}).figure.savefig(file, format="png")
        return file.getvalue()

    assert once() == once()


def test_notebook_figures_have_the_stated_width(tmp_path: Path) -> None:
    """In a kernel: 2 x 800 pixels, neither cropped nor padded by the inline back end."""
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    cells = [
        nbformat.v4.new_code_cell("from genimg import plots\nplots.style()"),
        nbformat.v4.new_code_cell("import matplotlib.pyplot as plt\nplots.curves({'a': [0, 1]})\nplt.show()"),
    ]
    book = client.NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3", timeout=120).execute()
    (output,) = book.cells[1]["outputs"]
    assert output["metadata"]["image/png"]["width"] == 800


# Networks as slabs.


def test_slabs_are_higher_for_larger_pictures_and_wider_for_more_channels() -> None:
    ax, end = plots.slabs([(64, 224, 224), (64, 56, 56), (512, 56, 56)], colour="white")
    large, small, wide = ax.patches
    assert large.get_height() == pytest.approx(2 * small.get_height())  # √(224 / 56)
    assert large.get_width() == small.get_width() < wide.get_width()
    assert end == pytest.approx(wide.get_x() + wide.get_width())


def test_rows_of_slabs_share_axes_and_do_not_overlap() -> None:
    ax, end = plots.slabs([(3, 32, 32)], colour="white")
    again, _ = plots.slabs([(10,), (20,)], at=(end + 0.2, -1.0), colour="white", label="linear", ax=ax)
    boxes = [patch.get_bbox() for patch in ax.patches]
    assert again is ax
    assert all(one.x1 < other.x0 for one, other in zip(boxes, boxes[1:], strict=False))
    assert (boxes[1].y0 + boxes[1].y1) / 2 == pytest.approx(-1.0)
    assert [text.get_text() for text in ax.texts] == ["linear"]


@pytest.mark.parametrize("shapes", [[], [(3, 32)], [(1, 3, 32, 32)]])
def test_what_is_no_layer_is_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match="layer"):
        plots.slabs(shapes, colour="white")
