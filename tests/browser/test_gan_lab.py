"""The GAN lab in a static page: somebody new to it breaks a game and repairs it, by mouse, keys or finger."""

import pytest
from test_page import html_of, show  # noqa: F401  # a fixture

from genimg.widgets import GanLab


def numbers(root):
    names, values = root.locator("dt").all_inner_texts(), root.locator("dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


def opened(show, width=1200, dark=False, **options):  # noqa: F811
    page = show(html_of(GanLab()), width, dark, **options)
    root = page.locator(".gwg")
    root.wait_for()
    return page, root


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1200, True), (1200, False)])
def test_it_breaks_and_is_repaired(show, shot, width, dark):  # noqa: F811
    page, root = opened(show, width, dark)
    root.get_by_role("button", name="vanishing gradients").click()
    page.wait_for_function("Number(document.querySelector('.gwg dd').textContent) > 30", timeout=60_000)
    root.get_by_role("button", name="pause").click()
    stuck = numbers(root)
    assert float(stuck["mean length of the pull"]) < 0.05
    assert float(stuck["exact W₁ of 128 samples"]) > 2
    shot(page, f"gan-lab-broken-{width}{'-dark' * dark}")
    root.get_by_role("button", name="cure: the other loss").click()
    page.wait_for_function("Number(document.querySelector('.gwg dd').textContent) > 120", timeout=60_000)
    root.get_by_role("button", name="pause").click()
    assert float(numbers(root)["exact W₁ of 128 samples"]) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"gan-lab-cured-{width}{'-dark' * dark}")


def test_one_player_at_a_time_and_the_same_again_after_reset(show):  # noqa: F811
    page, root = opened(show)
    first = root.get_by_role("img").first.get_attribute("aria-label")
    for _ in range(3):
        root.get_by_role("button", name="critic step").click()
    root.get_by_role("button", name="generator step").click()
    after = numbers(root)
    assert after["generator steps"] == "1"
    root.get_by_role("button", name="reset").click()
    assert root.get_by_role("img").first.get_attribute("aria-label") == first
    root.locator(".plane").focus()
    for key in "cccg":
        page.keyboard.press(key)
    assert numbers(root) == after
    assert page.complaints == []


def test_every_switch_works_while_it_plays(show):  # noqa: F811
    page, root = opened(show)
    root.get_by_role("button", name="play").click()
    for key, values in {
        "objective": ["saturating", "r1", "clip", "gp", "tv"],
        "law": ["one", "two", "far", "grid", "spiral"],
        "activation": ["tanh"],
        "seed": ["3"],
        "momentum": ["0.9"],
        "steps": ["2"],
    }.items():
        for value in values:
            root.locator(f"[data-key={key}]").select_option(value)
            page.wait_for_timeout(60)
    root.get_by_label("past samples").check()
    root.get_by_label("D* instead").check()
    page.wait_for_timeout(300)
    root.get_by_role("button", name="pause").click()
    assert page.complaints == []


def test_an_example_keeps_the_readers_seed(show):  # noqa: F811
    page, root = opened(show)
    root.locator("[data-key=seed]").select_option("2")
    root.get_by_role("button", name="collapse").click()
    root.get_by_role("button", name="pause").click()
    assert root.locator("[data-key=seed]").input_value() == "2"
    assert root.locator("[data-key=rateG]").input_value() == "0.01"
    assert page.complaints == []


@pytest.mark.parametrize("by", ["finger", "keys"])
def test_a_law_of_ones_own(show, shot, by):  # noqa: F811
    page, root = opened(show, 400, has_touch=True)
    root.locator("[data-key=law]").select_option("drawn")
    plane = root.locator(".plane")
    plane.scroll_into_view_if_needed()
    empty = numbers(root)["exact W₁ of 128 samples"]
    if by == "finger":
        box = plane.bounding_box()
        for k in range(6):
            page.touchscreen.tap(box["x"] + box["width"] * (0.7 + 0.03 * k), box["y"] + 0.2 * box["height"])
    else:
        plane.focus()
        for key in 10 * ["ArrowUp"] + ["Enter"] + 3 * ["ArrowRight"] + ["Enter"]:
            page.keyboard.press(key)
    root.get_by_role("button", name="critic step").click()
    assert float(numbers(root)["exact W₁ of 128 samples"]) > float(empty) + 1
    assert page.complaints == []
    shot(page, f"gan-lab-drawn-{by}")


def test_who_asked_for_less_motion_sees_two_pictures_a_second(show):  # noqa: F811
    page, root = opened(show, reduced_motion="reduce")
    root.get_by_role("button", name="play").click()
    page.evaluate("""() => { window.seen = 0; new MutationObserver(() => window.seen++)
        .observe(document.querySelector('.gwg dl'), { childList: true }); }""")
    page.wait_for_timeout(2100)
    assert 1 <= page.evaluate("window.seen") <= 6
    assert page.complaints == []


def test_without_scripts_a_picture(show, shot):  # noqa: F811
    page = show(html_of(GanLab()), java_script_enabled=False)
    assert page.locator("svg circle").count() == 288
    shot(page, "gan-lab-without-scripts")
