"""Installing: one lock file for every Python, make, conda, and a wheel without the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from build import TINY
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [
    f"3.{minor}" for minor in range(100) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])
]
PLATFORMS = [
    *((python, "x86_64-manylinux_2_28") for python in PYTHONS),
    ("3.14", "x86_64-pc-windows-msvc"),
]
# Libraries of CUDA, which torch names by itself, each exactly.
CUDA = re.compile(r"^(nvidia-|cuda-|triton)")


def ranges() -> list[Requirement]:
    """What pyproject.toml asks for, with the extras that make locks."""
    locked_extras = re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text())
    assert {"video", "dev"} <= set(locked_extras)
    extras = [text for name in locked_extras for text in PROJECT["optional-dependencies"][name]]
    return [Requirement(text) for text in [*PROJECT["dependencies"], *extras]]


def locked(python: str) -> dict[str, str]:
    """Name -> version of what the lock file installs on Linux with this Python."""
    linux = dict(python_version=python, python_full_version=f"{python}.9", sys_platform="linux")
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    every = [Requirement(line) for line in lines]
    chosen = [one for one in every if one.marker is None or one.marker.evaluate(linux)]
    names = [canonicalize_name(one.name) for one in chosen]
    assert len(set(names)) == len(names), "a package has one version on a Python"
    return {name: next(iter(one.specifier)).version for name, one in zip(names, chosen)}


def test_the_supported_pythons_are_named_alike_everywhere():
    assert PYTHONS == ["3.11", "3.12", "3.13", "3.14"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = [line for line in conda if isinstance(line, str) and line.startswith("python")]
    # Conda brings a Python on which videos can be read without a model file.
    assert locked(python.removeprefix("python="))["mediapipe"] == "0.10.14"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_satisfies_the_ranges(python):
    versions = locked(python)
    for one in ranges():
        if one.marker is None or one.marker.evaluate({"python_version": python}):
            assert one.specifier.contains(versions[canonicalize_name(one.name)]), one
    assert versions["torch"] == "2.13.0"
    assert (versions["mediapipe"] == "0.10.14") == (python in ("3.11", "3.12"))
    assert not any(map(CUDA.match, versions))


@pytest.fixture(scope="module")
def compiled():
    """By Python and platform what uv makes of the lock file: (exit code, output, errors)."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--only-binary", ":all:"]
    command += ["--no-annotate", "--no-header", "--no-build-isolation", LOCK]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=outside())
    # All at once, since they wait for the index most of the time.
    begun = {
        (python, platform): subprocess.Popen(
            [*command, "--python-version", python, "--python-platform", platform], **pipes
        )
        for python, platform in PLATFORMS
    }
    told = {which: process.communicate() for which, process in begun.items()}
    return {which: (begun[which].returncode, *told[which]) for which in begun}


@pytest.mark.parametrize("which", PLATFORMS, ids="-".join)
def test_the_lock_file_is_whole_and_made_of_wheels(compiled, which):
    code, output, errors = compiled[which]
    if "Failed to fetch" in errors or "network was disabled" in errors:
        pytest.skip("no package index can be reached, which tells the wheels that there are")
    assert code == 0, errors
    versions = dict(line.split("==") for line in output.splitlines())
    pinned = {canonicalize_name(line.partition("==")[0]) for line in LOCK.read_text().splitlines()}
    assert [name for name in versions if name not in pinned and not CUDA.match(name)] == []
    assert versions["torch"] == "2.13.0"


def test_the_pip_part_of_environment_yml_is_what_the_tests_run_on(tmp_path):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (lines,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    # The lines that conda hands to pip, with the checkout's own place in them, since conda runs
    # pip beside the file.
    text = "\n".join(lines).replace("--editable .", f"--editable {ROOT}")
    text = text.replace("--constraint ", f"--constraint {ROOT}/")
    (tmp_path / "pip.txt").write_text(text + "\n")
    pip = [sys.executable, "-m", "pip"]
    dry = [
        *pip,
        "install",
        "--quiet",
        "--dry-run",
        "--no-build-isolation",
        "--report",
        "report.json",
    ]
    subprocess.run([*dry, "--requirement", "pip.txt"], check=True, cwd=tmp_path)
    wanted = json.loads((tmp_path / "report.json").read_text())["install"]
    assert [one["metadata"]["name"] for one in wanted] == ["mbnb"], (
        "make installed everything else already, in the versions that conda's pip would take"
    )
    assert subprocess.run([*pip, "check"], capture_output=True, text=True).returncode == 0


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize(("oldest", "too_new"), [(50, 60), (1, 5)])
def test_make_refuses_another_python_before_it_installs_anything(tmp_path, oldest, too_new):
    environment, mine = tmp_path / "venv", f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["make", "run", f"VENV={environment}", f"PYTHON={sys.executable}"]
    command += [f"MINOR={oldest} {too_new}"]
    # The tests may run in a make of their own, which tells its children to say where they are.
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    fresh = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=fresh)
    assert done.returncode != 0 and not environment.exists() and not done.stdout
    line, failed = done.stderr.splitlines()
    assert line.startswith(f"mbnb needs Python 3.{oldest} to 3.{too_new - 1}; {sys.executable} is ")
    assert f"Python {mine}" in line and f"make run PYTHON=python3.{oldest}" in line
    assert "Error" in failed


# ---------------------------------------------------------------- a wheel, without the checkout


def outside() -> dict[str, str]:
    """The environment of a process that knows nothing of the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "mbnb", source / "mbnb", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", out, source], check=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run `mbnb …` of the wheel in an environment of its own, in an empty folder."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True, env=outside())
    # The other packages are those of this environment; files .pth in there are not followed, so
    # the checkout is not found by way of them.
    (packages,) = environment.glob("**/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    folder = tmp_path_factory.mktemp("work")

    def run(*parts):
        command = [python, "-m", "mbnb", *map(str, parts)]
        return subprocess.run(command, cwd=folder, env=outside(), capture_output=True, text=True)

    run.folder, run.packages = folder, packages
    return run


def test_a_wheel_holds_every_file_of_the_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "mbnb").rglob("*"):
        if path.suffix in (".py", ".csv", ".js", ".css", ".html"):
            assert path.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "notebooks"))]


def test_without_the_checkout_the_commands_work_in_the_current_folder(installed):
    people = ("simulated_people", 4), ("simulated_test_people", 1), ("simulated_clips", 13)
    size = [part for pair in people for part in ("-p", *pair)]
    tiny = [part for pair in (TINY | {"epochs": 1}).items() for part in ("-p", *pair)]
    checkpoint = Path("outputs", "tiny", "checkpoints", "latest.pt")
    for command in (
        ("simulate", "people", *size),
        ("verify", "people"),
        ("train", "-p", "data_root", "people", "-p", "run", "tiny", *tiny),
        ("monitor", "tiny"),
        ("evaluate", checkpoint),
        ("predict", checkpoint, "people", "--out", "predictions.csv"),
        ("combine", "tiny", "tiny", "-p", "run", "both"),
        ("leaderboard",),
    ):
        done = installed(*command)
        assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    assert "both" in done.stdout and "tiny" in done.stdout
    assert {path.name for path in installed.folder.iterdir()} == {
        "outputs",
        "people",
        "predictions.csv",
    }
    assert len(pd.read_csv(installed.folder / "predictions.csv")) == 13
    assert not (installed.packages / "outputs").exists()


def test_without_the_checkout_one_line_says_where_the_notebooks_are(installed):
    done = installed("run")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "notebooks" in line and "come with the checkout" in line
