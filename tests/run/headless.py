"""Commands as a user types them, and what the notebooks that they ran left behind."""

import re
import subprocess
import sys

import nbformat
from click.testing import CliRunner

from mbnb.__main__ import main
from mbnb.files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What a browser would fetch from elsewhere. Something must be between a name and an address: the
# base64 of a picture, whose letters may spell a name, has nothing there.
NAMES = r"(?:src|href|url|@import|fetch|import)(?=[\s=(:\"'])"
OUTSIDE = re.compile(NAMES + r"""\s*[=(:]?\s*["'(]?\s*((?:https?:)?//[^\s"')]+)""")


def options(**settings):
    """Settings as a command line has them."""
    return [part for name, value in settings.items() for part in ("-p", name, value)]


def call(*command):
    """Run a module with its arguments in a process of its own, in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
    )


def command_line(*command):
    """`mbnb …` without a process of its own, which takes seconds to begin."""
    return CliRunner().invoke(main, list(map(str, command)))


def run(outputs, *notebooks, **settings):
    """Run notebooks below the folder `outputs`, 06 with few variants."""
    recipes = ROOT / "tests" / "run" / "recipes.yaml"
    given = options(outputs=outputs, recipes=recipes, **settings)
    return call("mbnb", "run", *notebooks, *given)


def errors(path):
    """The names of the errors in an executed notebook."""
    return [output.ename for output in outputs_of(path) if output.output_type == "error"]


def outputs_of(path):
    """All outputs of an executed notebook's cells."""
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
