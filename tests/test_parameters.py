"""A notebook's variables are its settings, however they were written and however it is run."""

import ast
import os
import runpy
import subprocess
import sys

import nbformat
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbconvert import ScriptExporter
from traitlets.config import Config as TraitletsConfig

from mbnb.config import SETTINGS
from mbnb.files import ROOT, InputError

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ASK = "from mbnb.config import notebook_config\nconfig = notebook_config()"
SAY = f"{ASK}\nprint('run', config.run, 'epochs', config.epochs)"
NONES = "# Parameters: None leaves a setting at its default.\nrun = None\nepochs = None"
WAYS = {
    "annotated": "# Parameters\nrun: str = 'x'\nepochs: int = 10 // 2",
    "several at once": "run, epochs = 'x', 5",
    "below a remark": "# mine\n\n# Parameters\nrun = 'x'\nepochs = 5",
    "a form of Colab": '#@title Parameters\nrun = "x" #@param {type:"string"}\nepochs = 5',
    "below a magic": "%%time\n# Parameters\nrun = 'x'\nepochs = 5",
    "beside a command": "!true\nrun = 'x'\nepochs = 5",
    "in blocks": "if True:\n    run = 'x'\nelse:\n    run = 'y'\nfor epochs in (4, 5):\n    pass",
    "over lines": "run = (\n    'x'\n)\nepochs = len('''a\nbcd''')",
    "of helpers": "# Parameters\nn = 2\nquick = False\nrun = 'x'\nepochs = 2 if quick else n + 3",
    "from elsewhere": "from mbnb.files import ROOT\nglobals().update(run='x', epochs=5)",
    "with a name of one's own": "# Parameters\n_base = 'x'\nrun = _base\nepochs = 5",
}


@pytest.fixture
def shell():
    """A Python in which cells can be run: called with them, it returns the last one's `config`."""
    quiet = TraitletsConfig({"HistoryManager": {"hist_file": ":memory:"}})
    shell = InteractiveShell.instance(config=quiet)

    def run(*cells):
        for cell in cells:
            done = shell.run_cell(cell, store_history=True)
            done.raise_error()
        return shell.user_ns["config"]

    yield run
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("way", WAYS)
def test_parameters_count_however_they_are_written(shell, way, capsys):
    config = shell(WAYS[way], ASK)
    assert (config.run, config.epochs) == ("x", 5)
    told = capsys.readouterr().out
    assert "run = 'x'" in told and "epochs = 5" in told


def test_what_stands_above_the_notebooks_own_cell_counts_where_that_says_none(shell):
    config = shell("# Parameters\nrun = 'x'\nepochs = 5\n", NONES, ASK)
    assert (config.run, config.epochs) == ("x", 5)


@pytest.mark.parametrize(
    "cells, said",
    [
        (["# Parameters\nrun = 'x'\nepohcs = 5"], ["line 3", "epohcs = 5", "mean 'epochs'"]),
        (["\n\nepohcs = 5", NONES], ["line 3", "epohcs = 5"]),
        (["# Parameters\nmine = {'epochs': 5}\nmine['run'] = 'x'"], ["line 2", "'mine'"]),
        (["run = 'x'.upper()", NONES], ["line 1", "run = 'x'.upper()", "None again"]),
        (["RUN = 'x'\nEPOCHS = 5"], ["line 1, `RUN = 'x'`", "mean 'run'", "mean 'epochs'"]),
        (["# Parameters\nmixup = 0.2"], ["'mixup' is gone"]),
        (["run = 'x'\nepochs = [5, 6]"], ["'epochs': expected a whole number"]),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(shell, cells, said):
    with pytest.raises(InputError) as refused:
        shell(*cells, ASK)
    assert all(part in str(refused.value) for part in said)


def test_a_cell_that_was_edited_counts_as_it_is_now(shell):
    assert shell(NONES.replace("epochs = None", "epochs = 5"), ASK).epochs == 5
    assert shell(NONES, ASK).epochs == 0
    with pytest.raises(InputError, match="epohcs"):
        shell(NONES.replace("epochs = None", "epohcs = 5"), ASK)
    shell("counts = 3\nepoch = 7\nviews = 2", NONES.replace("epochs = None", "epochs = 7"))
    config = shell(ASK)
    assert (config.epochs, config.views) == (7, 2)


@pytest.fixture
def notebook(tmp_path):
    """A notebook that says its settings; `write(*cells)` with 01's metadata, without a tag."""

    def write(*cells):
        like = nbformat.read(NOTEBOOKS[0], as_version=4)
        code = [nbformat.v4.new_code_cell(cell) for cell in (*cells, SAY)]
        path = tmp_path / "a notebook.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=like.metadata), path)
        return path

    return write


def test_a_scripts_function_gives_settings_and_a_script_may_have_another_encoding(tmp_path):
    script = tmp_path / "a.py"
    text = (
        "# coding: cp1252\n# Parameters\nepochs = 5  # fünf\n"
        "from mbnb.config import notebook_config\n"
        "def main():\n    run = 'x'\n    return notebook_config()\nconfig = main()\n"
    )
    script.write_text(text, encoding="cp1252")
    config = runpy.run_path(str(script))["config"]
    assert (config.run, config.epochs) == ("x", 5)


@pytest.mark.parametrize("how", ["%run", "ipython", "script", "ipython script"])
def test_a_notebook_gives_the_same_by_run_and_as_a_script(notebook, how):
    path = notebook("run: str = 'x'\nepochs = 10 // 2")
    convert = [sys.executable, "-m", "nbconvert", "--to", "script", path.name]
    if "script" in how:
        subprocess.run(convert, cwd=path.parent, check=True, capture_output=True)
    script = path.with_suffix(".py").name
    command = {
        "%run": ["-m", "IPython", "-c", f"%run '{path.name}'"],
        "ipython": ["-m", "IPython", path.name],
        "script": [script],
        "ipython script": ["-m", "IPython", script],
    }[how]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=path.parent,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(path.parent / "ipython")},
    )
    assert "run x epochs 5" in done.stdout, done.stderr


def test_papermill_is_heard_where_the_cells_tag_was_lost(notebook, tmp_path):
    out = tmp_path / "out.ipynb"
    given = {"run": "x", "epochs": 5}
    executed = papermill.execute_notebook(
        notebook(NONES), out, given, kernel_name="python3", progress_bar=False
    )
    (last,) = executed.cells[-1].outputs
    assert "run x epochs 5" in last.text


def test_scripts_of_all_notebooks_are_plain_python():
    for path in NOTEBOOKS:
        text, about = ScriptExporter().from_filename(str(path))
        assert about["output_extension"] == ".py"
        assert "get_ipython" not in text


def test_notebooks_call_nothing_of_their_own_like_a_setting():
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                nodes = ast.walk(ast.parse(cell.source))
                own = {
                    getattr(n, "id", "") for n in nodes if type(getattr(n, "ctx", 0)) is ast.Store
                }
                # 02 means the same file by it.
                assert own & {*SETTINGS} <= {"pose_model"}, path.name
