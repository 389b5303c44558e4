"""The live figures in a static page: by slider, by keys, in the dark, on a phone."""

import pytest
from test_page import html_of, show  # noqa: F401  # a fixture

from genimg.widgets import Idea
from genimg.widgets.ideas import IDEAS


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1200, True)])
@pytest.mark.parametrize("idea", IDEAS)
def test_the_figure_follows_its_sliders(show, shot, idea, width, dark):  # noqa: F811
    page = show(html_of(Idea(idea)), width, dark)
    root = page.locator(".gwi")
    root.wait_for()
    label, sliders = IDEAS[idea]
    assert root.get_attribute("aria-label") == label
    said, picture = root.locator("p"), root.get_by_role("img")
    for slider in sliders:
        before = said.inner_text(), picture.inner_html()
        handle = root.get_by_role("slider", name=slider.label)
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert float(handle.input_value()) == pytest.approx(slider.start + 2 * slider.step)
        assert picture.inner_html() != before[1]
        assert picture.get_attribute("aria-label") == said.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"idea-{idea}-{width}{'-dark' * dark}")
