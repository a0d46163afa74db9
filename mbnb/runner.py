"""Running notebooks headlessly through papermill, into the run's folder."""

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import papermill
from nbformat.sign import NotebookNotary
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm
from traitlets.config import Config as TraitletsConfig

from mbnb.config import Config, saved_config
from mbnb.files import ROOT, InputError
from mbnb.report import write_report

NOTEBOOKS = ROOT / "notebooks"


def choose_notebooks(chosen: Sequence[str]) -> list[Path]:
    """The notebooks whose names begin with one of `chosen` ('03', '04_evaluation'), in their order; all where it is empty.

    Raises InputError for a beginning that no notebook has.
    """
    every = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    missing = [start for start in chosen if not any(path.name.startswith(start) for path in every)]
    if missing or not every:
        raise InputError(f"no notebook begins with {', '.join(missing) or 'a number'} in {NOTEBOOKS}; there are {', '.join(p.stem for p in every)}")
    return [path for path in every if not chosen or any(path.name.startswith(start) for start in chosen)]


def run_notebooks(notebooks: Sequence[Path], parameters: dict[str, Any]) -> Path:
    """Execute notebooks in order into the run's folder and write `report.html`; returns the report's path.

    Raises InputError before the first one for unknown parameters, and papermill's PapermillExecutionError for a notebook
    that fails; the executed part of it stays in the run's folder, and nothing after it is run.
    """
    config = Config.of(parameters)
    given = {key: value for key, value in parameters.items() if value is not None}
    logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of parameters that a notebook takes but does not list
    with tqdm(notebooks, desc="notebooks", unit="notebook") as bar, tempfile.TemporaryDirectory(prefix="mbnb") as sockets:
        # Cells and outputs pass through sockets that are files of this user, where the system has such; each run has its own.
        private = {"transport": "ipc", "ip": f"{sockets}/kernel"} if os.name == "posix" else {}
        for path in bar:
            bar.set_postfix_str(path.stem)
            out = config.run_dir / "notebooks" / path.name
            out.parent.mkdir(parents=True, exist_ok=True)
            executed = papermill.execute_notebook(path, out, parameters=given, cwd=NOTEBOOKS, kernel_name="python3", progress_bar=False,
                                                  config=TraitletsConfig({"KernelManager": private}))
            NotebookNotary().sign(executed)  # made here just now, so JupyterLab may show its players
    return write_report(saved_config(given))


def explain(error: PapermillExecutionError, folder: Path) -> str:
    """A few lines about a notebook that failed: where, why, and where its executed part lies."""
    return f"{error.ename}: {error.evalue}\nin cell {error.exec_count}; the notebook up to there is kept in {folder}"
