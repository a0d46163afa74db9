"""What the project promises about itself: its layout, its notebooks, its imports and its installation."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The order in which data flows; a module imports only from those before it.
FLOW = (
    "files",
    "config",
    "devices",
    "skeleton",
    "classes",
    "clips",
    "choreography",
    "simulator",
    "video",
    "conversion",
    "portrait",
    "cache",
    "dataset",
    "transforms",
    "calibration",
    "discriminant",
    "handedness",
    "convolutions",
    "quota",
    "audit",
    "recipes",
    "model",
    "checkpoints",
    "metrics",
    "baselines",
    "training",
    "progress",
    "evaluation",
    "attribution",
    "embedding",
    "review",
    "ensembles",
    "challenge",
    "views",
    "animation",
    "figures",
    "explorer",
    "report",
    "runner",
    "plain",
    "benchmark",
    "__main__",
)


def imports(path):
    """The mbnb modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mbnb":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mbnb."):
            found.add(node.module.split(".")[1])
    return found


def test_modules_import_only_from_those_before_them():
    modules = {path.stem for path in (ROOT / "mbnb").glob("*.py")} - {"__init__"}
    assert modules == set(FLOW)
    for name in modules:
        late = [
            other
            for other in imports(ROOT / "mbnb" / f"{name}.py")
            if FLOW.index(other) >= FLOW.index(name)
        ]
        assert not late, f"{name} imports {late}"


def test_the_model_fits_one_short_file():
    assert len((ROOT / "mbnb" / "model.py").read_text().splitlines()) < 350


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


def test_lock_file_satisfies_the_ranges():
    from packaging.requirements import Requirement

    locked = dict(
        line.split("==")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    )
    locked = {name.lower().replace("_", "-"): version for name, version in locked.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[requirement.name.lower().replace("_", "-")]), (
            text
        )
    assert locked["torch"] == "2.13.0"


def test_the_pip_part_of_environment_yml_is_what_the_tests_run_on(tmp_path):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (lines,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert (
        f"python={sys.version_info.major}.{sys.version_info.minor}" in environment["dependencies"]
    )
    # The same lines that conda hands to pip, with the checkout's own place in them, since conda runs pip beside the file.
    text = (
        "\n".join(lines)
        .replace("--editable .", f"--editable {ROOT}")
        .replace("--constraint ", f"--constraint {ROOT}/")
    )
    (tmp_path / "pip.txt").write_text(text + "\n")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run(
        [
            *pip,
            "install",
            "--quiet",
            "--dry-run",
            "--report",
            tmp_path / "report.json",
            "--requirement",
            tmp_path / "pip.txt",
        ],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    wanted = json.loads((tmp_path / "report.json").read_text())["install"]
    assert [one["metadata"]["name"] for one in wanted] == ["mbnb"], (
        "make installed everything else already, in the versions that conda's pip would take"
    )
    assert subprocess.run([*pip, "check"], capture_output=True, text=True).returncode == 0
