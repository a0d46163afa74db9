"""Running notebooks headlessly through papermill, into the run's folder."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import papermill
from nbformat.sign import NotebookNotary
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm
from traitlets.config import Config as TraitletsConfig

from mbnb.config import Config, saved_config
from mbnb.files import ROOT, InputError, on_disk
from mbnb.show.report import write_report
from mbnb.video.landmarks import require_mediapipe

NOTEBOOKS = ROOT / "notebooks"
# Seconds on two cores with the settings of `make run`, by the beginnings of names. Only their
# proportions matter to the time that is said to be left, once the first notebook is done.
SECONDS = {"01": 25, "02": 25, "03": 110, "04": 25, "05": 80, "06": 120, "07": 30}
OTHER_SECONDS = 60


def choose_notebooks(chosen: Sequence[str]) -> list[Path]:
    """The notebooks whose names begin with one of `chosen`, in their order; without any, all.

    chosen: such as '03' or '04_evaluation'. Raises InputError for a beginning that no notebook
    has, and where mbnb is installed without its notebooks.
    """
    every = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise InputError(
            f"no notebooks in {NOTEBOOKS}: they come with the checkout of mbnb, not with the "
            "installed package, which has train, evaluate and the other commands"
        )
    if missing := [start for start in chosen if not any(p.name.startswith(start) for p in every)]:
        raise InputError(
            f"no notebook begins with {', '.join(missing)} in {NOTEBOOKS}; "
            f"there are {', '.join(path.stem for path in every)}"
        )
    return [path for path in every if not chosen or path.name.startswith(tuple(chosen))]


def run_notebooks(notebooks: Sequence[Path], parameters: dict[str, Any]) -> Path:
    """Execute notebooks in order into the run's folder, write `report.html`, return its path.

    Where this Python cannot read videos, 02 is left out and a line says why. Raises InputError
    before the first one for unknown parameters, and papermill's PapermillExecutionError for a
    notebook that fails; its executed part stays in the run's folder, and nothing after it is run.
    """
    config = Config.of(parameters)
    given = {key: value for key, value in parameters.items() if value is not None}
    notebooks = without_videos(notebooks, config)
    # It warns of parameters that a notebook takes but does not list.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    seconds = {path: SECONDS.get(path.name[:2], OTHER_SECONDS) for path in notebooks}
    with (
        tqdm(
            total=sum(seconds.values()),
            bar_format="{desc} |{bar:20}| {elapsed} gone, about {remaining} left",
            mininterval=1 if sys.stderr.isatty() else 20,  # a line each time where it is a file
            miniters=0,
            smoothing=0,
        ) as bar,
        tempfile.TemporaryDirectory(prefix="mbnb") as sockets,
        _away_from_home(),
    ):
        # Cells and outputs pass through sockets that are files of this user, where the system has
        # such; each run has its own.
        private = {"transport": "ipc", "ip": f"{sockets}/kernel"} if os.name == "posix" else {}
        for i, path in enumerate(notebooks):
            bar.set_description_str(f"{path.stem} ({i + 1} of {len(notebooks)})")
            with _clock(bar, seconds[path]), on_disk(config.folder.notebooks):
                _execute(path, config.folder.notebooks / path.name, given, private)
    return write_report(saved_config(given))


def without_videos(notebooks: Sequence[Path], config: Config) -> list[Path]:
    """The notebooks that this Python can run; where that leaves 02 out, a line says why.

    Raises InputError where nothing is left.
    """
    rest = [path for path in notebooks if not path.name.startswith("02")]
    if len(rest) < len(notebooks):
        try:
            require_mediapipe(ROOT / config.pose_model if config.pose_model else None)
        except InputError as error:
            if not rest:
                raise
            print(f"02 is left out: {error}", file=sys.stderr)
            return rest
    return list(notebooks)


def _execute(path: Path, out: Path, parameters: dict[str, Any], private: dict[str, str]) -> None:
    """Execute one notebook into `out`, its kernel reached by the `private` addresses."""
    out.parent.mkdir(parents=True, exist_ok=True)
    executed = papermill.execute_notebook(
        path,
        out,
        parameters=parameters,
        cwd=NOTEBOOKS,
        kernel_name="python3",
        progress_bar=False,
        config=TraitletsConfig({"KernelManager": private}),
    )
    with contextlib.suppress(OSError):  # a home that takes nothing cannot keep the signature
        NotebookNotary().sign(executed)  # made here just now, so JupyterLab may show its players


@contextlib.contextmanager
def _away_from_home() -> Iterator[None]:
    """Have kernels keep their files elsewhere: a home may be full, read-only or none at all."""
    names = ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="mbnb") as folder:
        os.environ.update(dict.fromkeys(names, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                del os.environ[name]
                os.environ.update({} if value is None else {name: value})


@contextlib.contextmanager
def _clock(bar: tqdm, seconds: float) -> Iterator[None]:
    """Let `bar` go on with the clock, by `seconds` at most, while something runs; then by all.

    The clock is as slow or fast as what ran before.
    """
    began, finished = time.monotonic(), threading.Event()
    start = bar.n
    pace = start / bar.format_dict["elapsed"] if start else 1

    def go_on() -> None:
        while not finished.wait(1):
            bar.update(start + min(pace * (time.monotonic() - began), seconds) - bar.n)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
    bar.update(start + seconds - bar.n)


def explain(error: PapermillExecutionError, folder: Path) -> str:
    """A few lines about a notebook that failed: where, why, where its executed part lies."""
    return (
        f"{error.ename}: {error.evalue}\n"
        f"in cell {error.exec_count}; the notebook up to there is kept in {folder}"
    )
