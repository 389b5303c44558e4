import ast
import base64
import copy
import io
import json
import keyword
import os
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from genimg._base.errors import UsageError
from genimg.press import execution, notebooks


def execute(path, out, **values):
    job = execution.prepare(path, {"profile": "quick", "seed": 0, "device": "cpu"} | values)
    return execution.run(job, out)


def outputs(path):
    return ["".join(o.get("text", "") for o in c.outputs) for c in notebooks.code_cells(notebooks.read(path))]


# Finding chapters.


@pytest.mark.parametrize("asked", ["04_wgan", "04", "4", "wgan", "book/04_wgan.ipynb"])
def test_a_chapter_has_several_names(project, tmp_path, asked):
    for name in ("08_scorecard", "04_wgan", "01_models"):
        project(name)
    assert [p.stem for p in notebooks.chapters(tmp_path, [asked])] == ["04_wgan"]


def test_chapters_come_in_order_and_once(project, tmp_path):
    for name in ("08_scorecard", "04_wgan", "01_models"):
        project(name)
    assert [p.stem for p in notebooks.chapters(tmp_path)] == ["01_models", "04_wgan", "08_scorecard"]
    assert [p.stem for p in notebooks.chapters(tmp_path, ["8", "wgan", "08"])] == ["04_wgan", "08_scorecard"]


def test_an_unknown_chapter_is_answered_with_the_list(project, tmp_path):
    project("01_models"), project("04_wgan")
    with pytest.raises(UsageError, match="chapter 'wgna' is unknown .*01_models, 04_wgan"):
        notebooks.chapters(tmp_path, ["wgna"])


def test_root_is_found_from_below_and_missed_elsewhere(project, tmp_path, tmp_path_factory):
    assert notebooks.find_root(tmp_path / "book") == tmp_path
    with pytest.raises(UsageError, match="no book in"):
        notebooks.find_root(tmp_path_factory.mktemp("elsewhere"))


# Parameters.


def test_a_value_that_is_there_already_keeps_its_spelling():
    source = 'profile = "quick"  # or full\nseed = 0'
    assert notebooks.replace_parameters(source, {"profile": "quick", "seed": 0}) == source
    assert notebooks.replace_parameters(source, {"profile": "quick", "seed": 1}) == source.replace("0", "1")


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
values = st.one_of(st.integers(), st.text(max_size=8), st.booleans(), st.none(), st.lists(st.integers(), max_size=3))


@given(st.dictionaries(names, st.tuples(values, values), min_size=1, max_size=5), st.data())
def test_replaced_parameters_read_back_and_the_rest_stays(pairs, data):
    source = "\n".join(f"{name} = {old!r}  # über {name}" for name, (old, _) in pairs.items())
    chosen = data.draw(st.sets(st.sampled_from(sorted(pairs))))
    text = notebooks.replace_parameters(source, {name: pairs[name][1] for name in chosen})
    assert notebooks.parameters(text) == {n: new if n in chosen else old for n, (old, new) in pairs.items()}
    assert [line.split("#")[-1] for line in text.splitlines() if "# über" in line] == [f" über {n}" for n in pairs]


def test_line_feeds_alone_count_as_lines():
    source = "a = 'x\x0cy\u2028z'\nb = 1"
    assert notebooks.replace_parameters(source, {"b": 2}) == "a = 'x\x0cy\u2028z'\nb = 2"


def test_a_value_over_several_lines_is_replaced_as_a_whole():
    source = "a = [\n    1,\n    2,\n]; b = 'é'; c = 3  # last"
    assert notebooks.replace_parameters(source, {"c": 4, "a": []}) == "a = []; b = 'é'; c = 4  # last"


@pytest.mark.parametrize("count", [0, 2])
def test_a_notebook_has_exactly_one_parameters_cell(count):
    cells = [nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}) for _ in range(count)]
    with pytest.raises(UsageError, match=f"has {count} code cells tagged 'parameters'"):
        notebooks.parameters_cell(nbformat.v4.new_notebook(cells=cells))


# Normal form.


def noisy():
    cell = nbformat.v4.new_code_cell(
        "print(1)", execution_count=41, metadata={"papermill": {"duration": 1.5}, "tags": []}
    )
    cell.metadata |= {"execution": {"iopub.status.busy": "2026"}, "scrolled": True}
    stream = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("1", "\n")]
    data = {notebooks.WIDGET_VIEW: {"model_id": os.urandom(4).hex()}, "text/html": "<b>x</b>", "text/plain": "X()"}
    cell.outputs = [*stream, nbformat.v4.new_output("execute_result", data=data, execution_count=41)]
    kept = nbformat.v4.new_code_cell("x", metadata={"tags": ["hide-input"], "mystnb": {"image": {"alt": "a"}}})
    nb = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("  "), kept])
    kept.execution_count = 57
    nb.metadata |= {"papermill": {"start_time": "2026"}, "widgets": {"state": {}}, "mystnb": {"x": 1}}
    nb.metadata["language_info"] = {"name": "python", "version": "3.11.7", "pygments_lexer": "ipython3"}
    for i, each in enumerate(nb.cells):
        each.id = f"c{i}"
    return nb


def test_normal_form_keeps_the_content_and_drops_the_run():
    nb = notebooks.normalise(noisy())
    first, blank, last = nb.cells
    assert nb.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "mystnb": {"x": 1},
    }
    assert first.metadata == {} and last.metadata == {"tags": ["hide-input"], "mystnb": {"image": {"alt": "a"}}}
    assert [o.output_type for o in first.outputs] == ["stream", "execute_result"]
    assert first.outputs[0].text == "1\n"
    assert first.outputs[1].data == {"text/html": "<b>x</b>", "text/plain": "X()"}
    assert [c.execution_count for c in nb.cells] == [1, None, 2] and first.outputs[1].execution_count == 1
    nbformat.validate(nb)


def test_normal_form_is_the_same_for_two_runs_and_for_itself():
    one, two = notebooks.normalise(noisy()), notebooks.normalise(noisy())
    assert nbformat.writes(one) == nbformat.writes(two)
    assert nbformat.writes(notebooks.normalise(copy.deepcopy(one))) == nbformat.writes(one)


def pictured(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    cell = nbformat.v4.new_code_cell("x", execution_count=1)
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    nb = notebooks.normalise(nbformat.v4.new_notebook(cells=[cell]))
    return Image.open(io.BytesIO(base64.b64decode(nb.cells[0].outputs[0].data["image/png"])))


def test_a_drawing_gets_a_palette_and_looks_the_same():
    ramp = np.linspace(0, 255, 200).astype(np.uint8)  # one ramp of one colour, as a line's edge has
    pixels = np.stack([ramp, 255 - ramp // 2, np.full(200, 30, np.uint8)], 1)[None].repeat(50, 0)
    picture = pictured(pixels)
    assert picture.mode == "P"
    assert np.abs(np.asarray(picture.convert("RGB"), float) - pixels).mean() <= 0.5


def test_a_picture_that_needs_its_colours_keeps_them():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    picture = pictured(pixels)
    assert picture.mode == "RGB" and (np.asarray(picture) == pixels).all()


def test_a_small_face_in_colour_among_grey_ones_keeps_its_colours():
    grey = np.random.default_rng(0).integers(0, 256, (800, 800, 1), dtype=np.uint8).repeat(3, 2)
    some = grey.copy()
    some[16:48, 16:48] = np.random.default_rng(1).integers((120, 60, 30), (250, 190, 160), (32, 32, 3), dtype=np.uint8)
    for pixels in (grey, some):
        off = np.abs(np.asarray(pictured(pixels).convert("RGB"), float) - pixels).mean(2)
        assert off[16:48, 16:48].mean() <= 4 and off.mean() < 2
    rich = grey.copy()
    rich[:64, :64] = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert pictured(rich).mode == "RGB"  # no palette has all of these


def test_warnings_on_stderr_stay_visible():
    cell = nbformat.v4.new_code_cell("x", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name=n, text=t) for n, t in (("stderr", "w"), ("stdout", "o"))]
    nb = notebooks.normalise(nbformat.v4.new_notebook(cells=[cell]))
    assert [(o.name, o.text) for o in nb.cells[0].outputs] == [("stderr", "w"), ("stdout", "o")]


def test_missing_and_repeated_ids_become_stable_ones(tmp_path):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(str(i)) for i in range(3)])
    for cell, name in zip(nb.cells, (None, "same", "same"), strict=True):
        cell.pop("id") if name is None else cell.update(id=name)
    (tmp_path / "x.ipynb").write_text(json.dumps(nb))
    assert [c.id for c in notebooks.read(tmp_path / "x.ipynb").cells] == ["cell-000", "same", "same-again"]


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "{}", '{"nbformat": 4, "nbformat_minor": 5, "cells": 3}', '{"nbformat": 3}']
)
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    (tmp_path / "x.ipynb").write_text(content)
    with pytest.raises(UsageError, match=r"x\.ipynb is not a readable notebook"):
        notebooks.read(tmp_path / "x.ipynb")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("new \ud800", id="a")])
    with pytest.raises(UnicodeEncodeError):
        notebooks.write(nb, tmp_path / "x")
    assert (tmp_path / "x").read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x"]


# Running.

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])\nplt.show()"
TORCH = "import torch\nprint(torch.rand(3, generator=torch.Generator().manual_seed(seed)).sum().item())"
WIDGET = "import ipywidgets\nslider = ipywidgets.IntSlider(3)\nslider"
PRINTS = "import sys\nfor i in range(200):\n    print(i)\n    sys.stdout.flush()"


def test_two_runs_in_place_give_the_same_bytes(project, tmp_path):
    path = project("01_all", FIGURE, TORCH, WIDGET, PRINTS)
    before = notebooks.read(path)
    written = []
    for out in ("one", "two"):
        job = execution.prepare(path, {"profile": "quick", "seed": 0, "device": "cpu"}, in_place=True)
        seen = []
        result = execution.run(job, tmp_path / out, in_place=True, on_cell=lambda seen=seen: seen.append(1))
        assert (result.status, result.cells, len(seen)) == ("ok", 5, 5)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    after = notebooks.read(path)
    assert notebooks.parameters_cell(after).source == notebooks.parameters_cell(before).source
    assert notebooks.parameters_cell(notebooks.read(tmp_path / "two" / path.name)).source.endswith("device = 'cpu'")
    assert any("image/png" in o.get("data", {}) for c in notebooks.code_cells(after) for o in c.outputs)
    assert "widget-view" not in written[0].decode() and "IntSlider(value=3)" in written[0].decode()
    assert [p.name for p in path.parent.iterdir()] == ["01_all.ipynb"]
    assert not list((tmp_path / "two" / "partial").iterdir())


def test_the_kernel_is_this_interpreter_with_one_thread_in_the_folder_of_the_chapter(project, tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "2")  # what the caller sets, stays
    path = project(
        "01_where",
        "import os, sys\nprint(sys.executable)",
        "print(os.getcwd(), os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])",
        "print(profile, seed, steps)",
        parameters='profile = "quick"\nseed = 0\ndevice = "auto"\nsteps = 5',
    )
    result = execute(path, tmp_path / "out", profile="full", seed=7, steps=[1])
    assert outputs(result.notebook) == ["", f"{sys.executable}\n", f"{path.parent} 1 2\n", "full 7 [1]\n"]
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_failing_cell_is_named_and_what_ran_is_kept(project, tmp_path):
    path = project("01_bad", "print('fine')", "1 / 0", "print('never')")
    before = path.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / path.name).write_text("an older result")
    job = execution.prepare(path, {}, in_place=True)
    result = execution.run(job, tmp_path / "out", in_place=True)
    assert (result.status, result.cells) == ("failed", 2)
    assert result.error == "cell 4 of 5: ZeroDivisionError: division by zero"
    assert result.notebook == tmp_path / "out" / "partial" / path.name
    assert "fine\n" in outputs(result.notebook) and "never\n" not in outputs(result.notebook)
    assert path.read_bytes() == before
    assert not (tmp_path / "out" / path.name).exists()


def test_a_dead_kernel_is_an_error_like_any_other(project, tmp_path):
    path = project("01_dead", "import os\nos._exit(1)", "print('never')")
    result = execute(path, tmp_path / "out")
    assert result.status == "failed" and result.error == "cell 3 of 4: DeadKernelError: Kernel died"


def test_old_outputs_do_not_survive_in_a_partial_notebook(project, tmp_path):
    path = project("01_bad", "1 / 0", "print('never')")
    nb = notebooks.read(path)
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="yesterday\n")]
    notebooks.write(nb, path)
    assert "yesterday" not in execute(path, tmp_path / "out").notebook.read_text()


@pytest.mark.parametrize(("values", "told"), [({"profile": "full"}, "profile"), ({"seed": 1}, "seed")])
def test_in_place_is_for_the_committed_parameters(project, values, told):
    path = project("01_x")
    with pytest.raises(UsageError, match=f"--in-place stores 01_x at {told} ="):
        execution.prepare(path, values, in_place=True)
    assert execution.prepare(path, {"device": "cpu"}, in_place=True).parameters == {"device": "cpu"}


def test_an_unknown_parameter_is_refused_before_anything_runs(project):
    with pytest.raises(UsageError, match=r"01_x: parameter 'step' is unknown \(one of: profile, seed, device\)"):
        execution.prepare(project("01_x"), {"step": 3})


def test_computed_parameters_are_refused(project):
    with pytest.raises(UsageError, match="must hold plain values"):
        execution.prepare(project("01_x", parameters="profile = 'quick'\nseed = 1 + x"), {"profile": "full"})


def test_what_the_drawing_board_calls_later_still_means_what_it_meant():
    """Its functions run when a reader presses a button: a name that another cell binds again would be another thing."""

    def bound(node):
        """Names that a statement binds, but for those inside functions and comprehensions."""
        if isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
        ):
            return {node.name} if isinstance(node, ast.FunctionDef) else set()
        own = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
        return own.union(*(bound(child) for child in ast.iter_child_nodes(node)))

    nb = notebooks.read(Path(__file__).parents[1] / "book" / "07_inpainting.ipynb")
    trees = {
        c["id"]: ast.parse(c.source) for c in notebooks.code_cells(nb) if c["id"] not in ("bootstrap", "parameters")
    }
    functions = [node for node in trees["painter"].body if isinstance(node, ast.FunctionDef)]
    names = [part for f in functions for part in ast.walk(f) if isinstance(part, ast.Name)]
    inside = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    inside |= {arg.arg for f in functions for arg in f.args.args}
    read = {name.id for name in names} - inside
    assert {"search", "join"} == {f.name for f in functions} and {"G", "D", "how", "E"} <= read
    places = {name: [cell for cell, tree in trees.items() if name in bound(tree)] for name in read}
    assert {name: cells for name, cells in places.items() if len(cells) > 1} == {}
