"""What the project promises about itself: its layout, its notebooks and its imports."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mbnb.__main__ import main
from mbnb.config import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mbnb"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Every page of prose.
FOLDERS = (ROOT, *(ROOT / name for name in ("data", "outputs", "mbnb", "benchmarks")))
PAGES = [path for folder in FOLDERS for path in sorted(folder.glob("*.md"))] + NOTEBOOKS
# The order in which data flows; a room imports only from itself and from those before it.
FLOW = (
    "text",
    "files",
    "yaml_files",
    "runs",
    "settings",
    "parameters",
    "originals",
    "config",
    "devices",
    "skeleton",
    "classes",
    "intervals",
    "clips",
    "formats",
    "simulate",
    "data",
    "video",
    "convert",
    "prepare",
    "bodies",
    "scores",
    "coding",
    "model",
    "people",
    "baselines",
    "train",
    "evaluate",
    "explain",
    "show",
    "wild",
    "detect",
    "run",
    "__main__",
)


def imported_rooms(path):
    """The rooms of mbnb that a file imports from."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "mbnb":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mbnb."):
            rooms.add(node.module.split(".")[1])
    return rooms


def test_rooms_import_only_from_those_before_them():
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    room_of = {path: path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in files}
    assert set(room_of.values()) == set(FLOW)
    for path, room in room_of.items():
        late = [other for other in imported_rooms(path) if FLOW.index(other) > FLOW.index(room)]
        assert not late, f"{path.relative_to(PACKAGE)} imports {late}"


def test_modules_of_a_room_do_not_import_each_other_in_circles():
    for room in PACKAGE.iterdir():
        edges = {}
        for path in room.glob("**/*.py"):
            inside = re.findall(
                rf"from mbnb\.{room.name}\.([\w.]+) import", path.read_text("utf-8")
            )
            edges[path.stem] = {name.split(".")[-1] for name in inside}
        tuple(graphlib.TopologicalSorter(edges).static_order())  # raises CycleError


def test_every_file_is_laid_out_by_ruff_in_lines_of_100_columns_and_short_functions():
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--check"], ["check"]):
        found = subprocess.run([*ruff, *command, "."], cwd=ROOT, capture_output=True, text=True)
        assert found.returncode == 0, found.stdout
    for path in [
        p for room in ("mbnb", "benchmarks", "tests") for p in (ROOT / room).rglob("*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                assert lines <= 60, f"{path.relative_to(ROOT)}: {node.name} has {lines} lines"
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                assert len(first) <= 90, f"{path.relative_to(ROOT)}: first line of {node.name}"


@pytest.mark.parametrize("room", [path.parent.name for path in PACKAGE.glob("*/__init__.py")])
def test_each_room_says_in_three_lines_what_it_may_import(room):
    docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8")))
    before = FLOW[FLOW.index(room) - 1]
    assert f"Imports {before} and what stands before it" in docstring
    assert len(docstring.splitlines()) <= 5  # one is empty


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_short_and_explained(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    for cell in notebook.cells:
        assert max(map(len, cell.source.splitlines())) <= 100
    for cell in code:
        assert len(cell.source.splitlines()) <= 14
        assert not re.search(r"^\s*(def|class|lambda)\b", cell.source, re.MULTILINE)
    first = prose[0].source
    assert all(word in first for word in ("**In:**", "**Out:**", "**Takes:**"))
    words = [sum(len(cell.source.split()) for cell in cells) for cells in (prose, code)]
    assert words[0] > words[1], "more prose than code"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_name_only_files_and_headings_that_exist(path):
    for target in re.findall(r"\]\((?!http)([^)\s]+)\)", prose_of(path)):
        name, _, heading = target.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), target
        assert not heading or heading in anchors_of(page), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_name_only_commands_and_settings_that_exist(path):
    text = prose_of(path)
    for name in re.findall(r"python -m mbnb ([a-z]\w*)", text):
        assert name in main.commands, name
    for name in re.findall(r"-p '?([a-z]\w*) ", text):
        assert name in SETTINGS, name
    for name in re.findall(r"^    make (\w+)|`make (\w+)`", text, re.MULTILINE):
        assert f"\n{''.join(name)}:" in (ROOT / "Makefile").read_text("utf-8")


def prose_of(path):
    """The text of a page or of a notebook's cells."""
    if path.suffix == ".md":
        return path.read_text("utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def anchors_of(page):
    """What a link to each heading of a page is called, by GitHub's rule."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
