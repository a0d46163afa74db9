"""A run of every notebook, and a JupyterLab that shows it."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import pytest
from build import SIMULATED, TINY
from conftest import until
from run.headless import NOTEBOOKS, run

# A coding of a machine, and a cell that opens its timeline.
FOUND = "start,end,label,confidence\n0.5,1.5,nodding,0.9\n2,3,touching nose,0.6\n"
TIMELINE = """from pathlib import Path
from mbnb.config import Config
from mbnb.show.timeline import open_timeline
open_timeline(Path("film.csv"), Config())"""
READY = "return window.jupyterapp?.shell?.currentWidget?.context?.isReady === true"
# Cells that are not shown yet are placeholders.
ALL_CELLS = """
    const shown = document.querySelectorAll('.jp-Notebook .jp-Cell:not(.jp-Cell-Placeholder)')
    return shown.length === window.jupyterapp.shell.currentWidget.content.widgets.length"""
KERNEL = """
    const context = window.jupyterapp.shell.currentWidget.context
    return context.sessionContext.session?.kernel?.status"""


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory):
    """The folder of a run of all notebooks on simulated people, as small as can be."""
    outputs = tmp_path_factory.mktemp("outputs")
    done = run(outputs, run="tiny", **TINY, **SIMULATED)
    assert done.returncode == 0, done.stderr
    (outputs / "tiny" / "stderr.txt").write_text(done.stderr)
    return outputs / "tiny"


@pytest.fixture(scope="session")
def lab(simulated_run, tmp_path_factory, chromium):
    """A JupyterLab that shows the folder of runs: open a notebook in it."""
    folder, log = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("log") / "log.txt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={simulated_run.parent}", "--expose-app-in-browser"]
    with (
        open(log, "w") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | quiet_lab(folder)
        ) as server,
    ):
        until(lambda: answers(f"{address}/api"), 60)

        def open_notebook(path, height=900):
            chromium.set_window_size(1366, height)
            chromium.get(f"{address}/doc/tree/{path.relative_to(simulated_run.parent)}")
            until(lambda: chromium.execute_script(READY), 60)
            until(lambda: chromium.execute_script(ALL_CELLS), 60)
            return chromium

        yield open_notebook
        server.terminate()


def quiet_lab(folder):
    """Variables of a JupyterLab that asks nothing in a corner of pictures and shows all cells."""
    for name, value in {
        "apputils-extension/notification": {"fetchNews": "false"},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    return {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder),
    }


def answers(address):
    """Whether a server is there."""
    try:
        return urllib.request.urlopen(address, timeout=1).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def live_05(simulated_run, lab):
    """05 as a user would open it, and a timeline below, with all cells run in JupyterLab."""
    notebook = nbformat.read(NOTEBOOKS[4], as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += f"\noutputs = {str(simulated_run.parent)!r}\nrun = {simulated_run.name!r}\n"
    notebook.cells.append(nbformat.v4.new_code_cell(TIMELINE))
    path = simulated_run.parent / "lab" / "05.ipynb"
    path.parent.mkdir()
    path.with_name("film.csv").write_text(FOUND)
    nbformat.write(notebook, path)
    browser = lab(path)
    until(lambda: browser.execute_script(KERNEL) == "idle", 60)
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    until(lambda: browser.find_elements("css selector", ".mbnb"), 120)
    until(lambda: browser.execute_script(KERNEL) == "idle", 120)
    return browser
