"""The widgets in JupyterLab: a reader paints a hole, presses the button, and a generator fills it."""

import ast

import nbformat
import pytest

from genimg import widgets

SETUP = """
import torch
import genimg as gi

torch.set_num_threads(1)
G, D = gi.zoo.load("digits")
with torch.no_grad():
    images = G(torch.randn(3, G.latent, generator=gi.rng(5)))
centre = torch.ones(28, 28)
centre[9:19, 9:19] = 0
presets = {"centre": centre, "nothing": torch.ones(28, 28), "everything": torch.zeros(28, 28)}


def search(steps):
    def solve(image, mask):
        loss = gi.inpaint.Loss(D, image[None], mask, gi.inpaint.ours(0.5, 0.5, 0.1))
        start = gi.inpaint.best_starts(G, loss, gi.Gaussian(G.latent, gi.rng(0)).sample(64))
        for step in gi.inpaint.search_steps(G, loss, start, steps=steps, patience=None):
            yield step.step, steps, step.images()[0, 0], f"loss {float(step.loss):.1f}"
    return solve


def join(image, mask, picture):
    outputs = gi.inpaint.blend(image[None], picture[None], mask)
    return {name: x[0] for name, x in zip(("raw", "overlay", "Poisson"), outputs)}


def broken(image, mask):
    yield 1, 5, torch.zeros_like(image), "so far so good"
    raise ZeroDivisionError("a step that divides by zero")
"""
CELLS = {
    "fills": """painter = gi.widgets.MaskPainter(
    images, presets, search(150), finish=join, label="generated digits")
painter""",
    "stops": 'gi.widgets.MaskPainter(images, presets, search(1_000_000), label="a long search")',
    "fails": 'gi.widgets.MaskPainter(images, presets, broken, label="a broken search")',
    "walks": """a, b = torch.randn(2, G.latent, generator=gi.rng(7))
walk = gi.widgets.LatentPath.between(G, a, b, "Two digits", critic=D, steps=9, score="critic D", scale=7)
walk""",
    "frames": 'frames = gi.widgets.FrameSlider(images, ["a", "b", "c"], "Three digits")\nframes',
    "laws": "laws = gi.widgets.TwoLaws()\nlaws",
    "judges": """greys = torch.linspace(-1, 1, 4).view(4, 1, 1, 1).expand(4, 3, 8, 8)
judge = gi.widgets.PerceptualTest({"real": greys[:2], "painted": greys[2:]}, names=["dog", "cat"], seed=1)
judge""",
    "judged": 'print([f"{row.method} {row.image} {row.natural} {row.observer}" for row in judge.answers])',
    "colours": """ramp = torch.linspace(0, 1, 60 * 80).view(1, 60, 80)
G_colours, _ = gi.zoo.load("colours", kind="colours")
colouring = gi.widgets.Colouring(G_colours, {"upwards": ramp, "downwards": ramp.flip(1)}, list(map(str, range(1000))))
colouring""",
    "coloured": """from genimg.widgets.wire import cell_of
sent = torch.tensor(cell_of(colouring.pictures[1])[None, ..., 0] / 255).float()  # a JPEG: not quite `ramp`
expected = gi.colorize.colorize(G_colours, sent[None])[0]
print((255 * expected[:, 30, 40]).round().int().tolist() if colouring.answer else "not asked")""",
    "idea": 'idea = gi.widgets.Idea("discriminator")\nidea',
    "plays": "lab = gi.widgets.GanLab()\nlab",
    "played": 'print("GanLab", lab.setting["objective"])',
    "heard": 'print("LatentPath", walk.value, "FrameSlider", frames.value, "TwoLaws", laws.second["mean"], '
    '"Idea", idea.values["real"])',
    "asked": 'print(painter.phase, list(painter.filled), "missing:", int((painter.mask == 0).sum()))',
}
# Sliders whose kernel is asked what it heard, by the widget's class: the widget, and the slider in it.
SLIDERS = {
    "LatentPath": ('.gwl[aria-label="Two digits"]', None),
    "FrameSlider": ('.gwf[aria-label="Three digits"]', None),
    "TwoLaws": (".gw2", "centre of P₂ (generated)"),
    "Idea": (".gwi", "centre of P_real"),
}
ASKED = {"MaskPainter", "PerceptualTest", "Colouring", "GanLab"}  # each in a test of its own
# The pixels of an <img>: row by row, the red channel.
PIXELS = """async (image) => {
  await image.decode();
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(0, 0, width, height).data].filter((_, i) => i % 4 === 0);
}"""


@pytest.fixture(scope="module")
def notebook(lab, browser):
    """The notebook, all cells run, in one page for all tests: starting a kernel takes seconds."""
    address, token, folder = lab
    cells = [nbformat.v4.new_code_cell(SETUP), *map(nbformat.v4.new_code_cell, CELLS.values())]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "painter.ipynb")
    context = browser.new_context(viewport={"width": 1200, "height": 1150}, color_scheme="light")
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.set_default_timeout(60_000)  # for a busy machine; nothing here takes that long on another
    page.goto(f"{address}/lab/tree/painter.ipynb?token={token}")
    # Before its kernel listens a notebook swallows the command, or asks for a kernel; the server knows.
    for _ in range(200):
        kernels = page.request.get(f"{address}/api/kernels?token={token}").json()
        if kernels and kernels[0]["connections"] and kernels[0]["execution_state"] == "idle":
            break
        page.wait_for_timeout(100)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    page.locator(".jp-OutputArea-output", has_text="idle [] missing: 100").wait_for(timeout=240_000)  # the last cell's
    yield page
    assert page.complaints == []
    context.close()


def widget(page, label):
    root = page.locator(f'.gwm[aria-label="Paint a hole: {label}"]')
    root.wait_for()
    root.scroll_into_view_if_needed()
    return root


def wait(root, *phases):
    root.page.wait_for_function(
        "([root, phases]) => phases.includes(root.dataset.phase)", arg=[root.element_handle(), list(phases)]
    )


def count(root):
    text = root.locator("[data-out=count]").inner_text()
    return 0 if text.startswith("nothing") else int(text.split()[0])


def say(root):
    return root.locator("[data-out=note]").inner_text()


def show(root, name):
    root.locator(".compare label", has_text=name).click()
    return root.locator(".sheet img").evaluate(PIXELS)


def paint(root, start, end):
    """A stroke with the mouse, between two points given as shares of the picture."""
    canvas = root.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    root.page.mouse.move(*points[0])
    root.page.mouse.down()
    root.page.mouse.move(*points[1], steps=8)
    root.page.mouse.up()


def test_a_painted_hole_is_filled(notebook, shot):
    root = widget(notebook, "generated digits")
    assert count(root) == 100  # the first preset
    root.get_by_role("button", name="clear").click()
    assert count(root) == 0
    paint(root, (0.2, 0.5), (0.8, 0.5))
    holes = count(root)
    assert 40 < holes < 120
    shot(root, "painter-painted")
    root.get_by_role("button", name="Fill the hole").click()
    wait(root, "done")
    shot(root, "painter-done")
    assert "step 150 of 150" in (root.locator("[role=progressbar]").get_attribute("aria-valuetext") or "")
    raw, overlay, original = (show(root, name) for name in ("raw", "overlay", "original"))
    joined = show(root, "Poisson")
    changed = [i for i in range(28 * 28) if overlay[i] != original[i]]
    # The stroke covers rows 12 to 15; what is known stays as it was.
    assert changed and {i // 28 for i in changed} <= set(range(11, 18)) and len(changed) <= holes
    assert all(overlay[i] == raw[i] for i in changed)
    edited = [i for i in range(28 * 28) if joined[i] != original[i]]
    assert edited and {i // 28 for i in edited} <= set(range(11, 18)) and len(edited) <= holes and joined != overlay
    # Filled with the generator's picture and not with one grey, and close to what was there before.
    inside = [overlay[i] for i in changed]
    assert max(inside) - min(inside) > 40
    assert sum(abs(overlay[i] - original[i]) for i in changed) / len(changed) < 60
    # The kernel knows the same: the last cell is run again.
    last = notebook.locator(".jp-CodeCell").last
    last.locator(".jp-InputArea-editor").click()
    notebook.keyboard.press("Control+Enter")
    last.locator(".jp-OutputArea-output", has_text=f"done ['raw', 'overlay', 'Poisson'] missing: {holes}").wait_for()


def test_another_stroke_starts_anew_and_undo_takes_it_back(notebook):
    root = widget(notebook, "generated digits")
    before = count(root)
    paint(root, (0.3, 0.9), (0.7, 0.9))
    assert count(root) > before
    wait(root, "idle")
    assert root.locator(".compare label").count() == 0
    root.get_by_role("button", name="undo").click()
    assert count(root) == before
    root.locator("label", has_text="eraser").click()
    paint(root, (0.0, 0.5), (1.0, 0.5))
    assert count(root) < before


def test_stop_works_while_the_search_runs(notebook, shot):
    root = widget(notebook, "a long search")
    root.get_by_role("button", name="Fill the hole").click()
    wait(root, "running")
    root.locator("[data-out=note]", has_text="loss").wait_for()
    shot(root, "painter-running")
    paint(root, (0.1, 0.1), (0.9, 0.1))
    assert count(root) == 100  # the picture rests while it runs
    root.get_by_role("button", name="Stop").click()
    wait(root, "stopped")
    assert say(root).startswith("Stopped at step ")
    raw, overlay = (show(root, name) for name in ("raw", "overlay"))
    assert raw != overlay and len(set(overlay)) > 2  # what was found until then is kept


def test_the_keyboard_alone(notebook, shot):
    root = widget(notebook, "a broken search")
    cells = notebook.locator(".jp-Cell").count()
    root.get_by_role("button", name="clear").click()
    root.locator("canvas").focus()
    press = notebook.keyboard.press
    for _ in range(3):
        press("-")  # size 4 -> 1
    press("b")
    press("Space")
    assert count(root) == 1
    notebook.keyboard.down("Space")
    for _ in range(5):
        press("ArrowRight")
    notebook.keyboard.up("Space")
    assert count(root) == 6
    shot(root, "painter-keyboard")
    press("e")
    press("Space")
    assert count(root) == 5
    press("u")
    assert count(root) == 6
    assert notebook.locator(".jp-Cell").count() == cells  # none of the letters reached the notebook
    press("Enter")
    wait(root, "failed")
    assert say(root) == "The search failed. ZeroDivisionError: a step that divides by zero"
    assert count(root) == 6 and len(set(show(root, "raw"))) == 1  # nothing is lost


def test_nothing_to_do_and_nothing_known(notebook):
    root = widget(notebook, "a broken search")
    for preset, answer in (("nothing", "Nothing is missing"), ("everything", "Nothing is known")):
        root.get_by_role("button", name=preset).click()
        wait(root, "idle")
        root.get_by_role("button", name="Fill the hole").click()
        wait(root, "refused")
        assert say(root).startswith(answer)


def test_a_picture_of_ones_own(notebook, tmp_path, shot):
    from PIL import Image
    from skimage.data import astronaut

    Image.fromarray(astronaut()[:300]).save(tmp_path / "photo.png")  # 512 by 300, in colour
    root = widget(notebook, "generated digits")
    root.locator("input[type=file]").set_input_files(tmp_path / "photo.png")
    root.locator("[data-out=note]", has_text="The model sees its 28 × 28 pixels, in grey").wait_for()
    root.get_by_role("button", name="centre").click()
    root.get_by_role("button", name="Fill the hole").click()
    wait(root, "done")
    assert len(set(show(root, "original"))) > 50
    shot(root, "painter-own")
    (tmp_path / "words.png").write_text("no picture")
    root.locator("input[type=file]").set_input_files(tmp_path / "words.png")
    root.locator("[data-out=note]", has_text="no picture that the browser can read").wait_for()


def test_a_walk_between_two_latents(notebook, shot):
    root = notebook.locator('.gwl[aria-label="Two digits"]')
    root.scroll_into_view_if_needed()
    image = root.locator("img")
    start = image.get_attribute("src")
    root.get_by_role("slider").focus()
    for _ in range(4):
        notebook.keyboard.press("ArrowRight")
    straight = image.get_attribute("src")
    assert straight != start and "t = 0.50" in root.locator("p").inner_text()
    root.locator("label", has_text="on the sphere").click()
    assert image.get_attribute("src") != straight
    assert "on the sphere, t = 0.50: critic D" in root.locator("p").inner_text()
    assert not root.locator(".live").is_visible()  # only built pages have the networks beside them
    shot(root, "path")


def test_pictures_are_judged_with_the_keyboard(notebook, shot):
    root = notebook.locator(".gwn")
    root.scroll_into_view_if_needed()
    cells = notebook.locator(".jp-Cell").count()
    type_, press = notebook.keyboard.type, notebook.keyboard.press
    root.get_by_label("Your name or number").focus()
    type_("any")  # letters of a name are no answers
    press("Tab")
    press("Enter")
    for key in "ynyuu":
        press(key)
    assert root.locator("[data-out=progress]").inner_text() == "2 of 4"
    assert "painted" not in root.inner_html()
    shot(root, "judge")
    for key in ("n", "y", "Backspace", "y", "n"):
        press(key)
    assert root.get_attribute("data-phase") == "end"
    root.get_by_role("button", name="Show the results").focus()
    press("Enter")
    assert root.locator("tbody tr").count() == 2
    assert notebook.locator(".jp-Cell").count() == cells  # none of the letters reached the notebook
    cell = notebook.locator(".jp-CodeCell", has_text="row.method")
    cell.locator(".jp-InputArea-editor").click()
    press("Control+Enter")
    output = cell.locator(".jp-OutputArea-output", has_text="any")
    output.wait_for()
    said = ast.literal_eval(output.inner_text())
    assert [row.split()[2:] for row in said] == [[yes, "any"] for yes in ("True", "False", "True", "False")]
    assert {tuple(row.split()[:2]) for row in said} == {(m, i) for m in ("real", "painted") for i in ("dog", "cat")}


def test_the_kernel_colours_a_picture(notebook, shot):
    root = notebook.locator('.gwc[data-shown="upwards"]')
    root.scroll_into_view_if_needed()
    root.get_by_role("radio", name="downwards").check(force=True)
    root = notebook.locator('.gwc[data-shown="downwards"]')
    root.wait_for()
    assert root.get_by_text("the notebook's kernel gets 128 × 128 pixels of its lightness").is_visible()
    shot(root, "colouring")
    pixel = root.locator("[data-figure=coloured] canvas").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(40, 30, 1, 1).data].slice(0, 3)"
    )
    cell = notebook.locator(".jp-CodeCell", has_text="if colouring.answer")
    cell.locator(".jp-InputArea-editor").click()
    notebook.keyboard.press("Control+Enter")
    output = cell.locator(".jp-OutputArea-output", has_text="[")
    output.wait_for()
    expected = ast.literal_eval(output.inner_text())
    assert max(abs(a - b) for a, b in zip(pixel, expected, strict=True)) <= 2
    assert max(expected) - min(expected) > 5


def test_arrow_keys_reach_the_other_sliders(notebook):
    """JupyterLab has commands on the arrow keys, too."""
    frames = notebook.locator('.gwf[aria-label="Three digits"]')
    frames.get_by_role("slider").focus()
    notebook.keyboard.press("ArrowRight")
    assert frames.locator("p").inner_text() == "b"
    laws = notebook.locator(".gw2")
    slider = laws.get_by_role("slider", name="centre of P₁ (real)")
    slider.focus()
    notebook.keyboard.press("ArrowRight")
    assert slider.input_value() == "-0.95"


def test_the_kernel_hears_the_lab(notebook, shot):
    root = notebook.locator(".gwg")
    root.scroll_into_view_if_needed()
    root.get_by_role("button", name="vanishing gradients").click()
    root.get_by_role("button", name="pause").click()
    cell = notebook.locator(".jp-CodeCell", has_text="lab.setting")
    for _ in range(50):  # the widget's message may still be on its way when the cell is run
        cell.locator(".jp-InputArea-editor").click()
        notebook.keyboard.press("Control+Enter")
        notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
        if (said := cell.locator(".jp-OutputArea-output").inner_text().split()) != ["GanLab", "vanilla"]:
            break
        notebook.wait_for_timeout(100)
    assert said == ["GanLab", "saturating"]
    shot(root, "gan-lab")


def test_every_widget_is_asked():
    exported = {name for name in vars(widgets) if isinstance(getattr(widgets, name), type)}
    assert exported == set(SLIDERS) | ASKED, "a new widget needs a cell above, and a test that its kernel hears it"


@pytest.mark.parametrize("name", SLIDERS)
def test_the_kernel_hears_a_slider(notebook, name):
    selector, called = SLIDERS[name]
    cell = notebook.locator(".jp-CodeCell", has_text="laws.second")

    def asked():
        cell.locator(".jp-InputArea-editor").click()
        notebook.keyboard.press("Control+Enter")
        notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
        words = cell.locator(".jp-OutputArea-output").inner_text().split()
        return float(words[words.index(name) + 1])

    before = asked()
    root = notebook.locator(selector)
    root.scroll_into_view_if_needed()
    slider = root.get_by_role("slider", name=called) if called else root.get_by_role("slider")
    step = float(slider.get_attribute("step") or 1)
    slider.focus()
    notebook.keyboard.press("ArrowRight")
    for _ in range(50):  # the widget's message may still be on its way when the cell is run
        heard = asked()
        if heard != before:
            break
        notebook.wait_for_timeout(100)
    assert heard == pytest.approx(before + step)


def test_dark(notebook, shot):
    notebook.emulate_media(color_scheme="dark")
    root = widget(notebook, "generated digits")
    notebook.wait_for_function("(root) => root.classList.contains('dark')", arg=root.element_handle())
    shot(root, "painter-dark")
    shot(notebook.locator('.gwl[aria-label="Two digits"]'), "path-dark")
    shot(notebook.locator(".gwn"), "judge-dark")
    notebook.emulate_media(color_scheme="light")
