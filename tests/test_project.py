"""What the project promises about itself: its layout, its notebooks and its imports."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The order in which data flows; a room imports only from itself and from those before it.
FLOW = (
    "files",
    "runs",
    "settings",
    "config",
    "devices",
    "skeleton",
    "classes",
    "clips",
    "formats",
    "simulate",
    "data",
    "video",
    "prepare",
    "model",
    "scores",
    "people",
    "baselines",
    "train",
    "evaluate",
    "explain",
    "show",
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
    package = ROOT / "mbnb"
    files = [path for path in package.rglob("*.py") if path != package / "__init__.py"]
    room_of = {path: path.relative_to(package).parts[0].removesuffix(".py") for path in files}
    assert set(room_of.values()) == set(FLOW)
    for path, room in room_of.items():
        late = [other for other in imported_rooms(path) if FLOW.index(other) > FLOW.index(room)]
        assert not late, f"{path.relative_to(package)} imports {late}"


def test_modules_of_a_room_do_not_import_each_other_in_circles():
    package = ROOT / "mbnb"
    for room in package.iterdir():
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_short_and_explained(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    for cell in code:
        assert len(cell.source.splitlines()) <= 14
        assert not re.search(r"^\s*(def|class|lambda)\b", cell.source, re.MULTILINE)
    first = prose[0].source
    assert all(word in first for word in ("**In:**", "**Out:**", "**Takes:**"))
    assert sum(len(cell.source.split()) for cell in prose) > 0.8 * sum(
        len(cell.source.split()) for cell in code
    )


def test_readme_names_only_files_that_exist():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", text):
        assert (ROOT / target.split("#")[0]).exists(), target
