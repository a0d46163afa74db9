"""Running notebooks headlessly through papermill, into the run's folder."""

import contextlib
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat.sign import NotebookNotary
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm
from traitlets.config import Config as TraitletsConfig

from mbnb.config import Config, saved_config
from mbnb.files import ROOT, InputError, on_disk, write_text
from mbnb.run.checks import NOTEBOOKS, settings_of
from mbnb.show.report import write_report
from mbnb.video.landmarks import require_mediapipe

# Seconds on two cores with the settings of `make run`, by the beginnings of names. Only their
# proportions matter to the time that is said to be left, once the first notebook is done.
SECONDS = {
    "01": 25,
    "02": 25,
    "03": 110,
    "04": 25,
    "05": 80,
    "06": 120,
    "07": 30,
    "08": 60,
    "09": 120,
    "10": 15,
    "11": 40,
}
OTHER_SECONDS = 60


def run_notebooks(notebooks: Sequence[Path], parameters: dict[str, Any]) -> Path:
    """Execute notebooks in order into the run's folder, write `report.html`, return its path.

    Encoders have a run of their own beside it where actions are trained, too (`settings_of`).
    Where this Python cannot read videos, 02 is left out and a line says why. Raises InputError
    before the first one for unknown parameters, or where a notebook's kernel dies, and papermill's
    PapermillExecutionError for a notebook that fails; its executed part stays in the run's folder,
    and nothing after it is run.
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
        _private_sockets() as private,
        _away_from_home(),
    ):
        for i, path in enumerate(notebooks):
            bar.set_description_str(f"{path.stem} ({i + 1} of {len(notebooks)})")
            with _clock(bar, seconds[path]), on_disk(config.folder.notebooks):
                settings = settings_of(path, notebooks, given)
                _execute(path, config.folder.notebooks / path.name, settings, private)
    return write_report(saved_config(given))


@contextlib.contextmanager
def _private_sockets() -> Iterator[dict[str, str]]:
    """What a kernel manager needs to be reached through files that are this user's alone.

    A socket's path has room for some hundred bytes and not every disk has sockets, so several
    folders are tried. Where none will do the kernels listen at an address of this machine.
    """
    for place in (os.environ.get("TMPDIR"), os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"):
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mbnb", dir=place))
                with socket.socket(socket.AF_UNIX) as tried:
                    tried.bind(f"{folder}/kernel-10000")
            except (OSError, AttributeError):  # Python for Windows knows no such sockets
                continue
            yield {"transport": "ipc", "ip": f"{folder}/kernel"}
            return
    yield {}


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
    try:
        executed = papermill.execute_notebook(
            path,
            out,
            parameters=parameters,
            cwd=NOTEBOOKS,
            kernel_name="python3",
            progress_bar=False,
            config=TraitletsConfig({"KernelManager": private}),
        )
    except DeadKernelError:
        raise InputError(
            f"{out}: the kernel of this notebook died, as happens when memory runs out or "
            "somebody kills it; the notebook up to there is kept, and the same command again goes "
            "on with a training where it was saved last"
        ) from None
    # JupyterLab shows bars that have come to their end as broken widgets.
    for cell in executed.cells:
        if "outputs" in cell:
            cell.outputs = [one for one in cell.outputs if not _is_bar(one)]
    write_text(out, nbformat.writes(executed) + "\n")
    with contextlib.suppress(OSError):  # a home that takes nothing cannot keep the signature
        NotebookNotary().sign(executed)  # made here just now, so JupyterLab may show its players


def _is_bar(output: dict[str, Any]) -> bool:
    """Whether a cell's output is a widget that has nothing to show without a kernel; ours have."""
    shown = output.get("data", {})
    return "application/vnd.jupyter.widget-view+json" in shown and "text/html" not in shown


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
