"""Hundreds of faults: each gives one clear error or is read, and nothing worse ever happens.

Nothing in a file is run, nothing outside its folder is opened or written, and memory is bounded.
"""

import contextlib
import os
import re
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from corpus import faults, found, ours, samples, sets
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnb import formats
from mbnb.classes import read_classes
from mbnb.coding import read_codings
from mbnb.config import Config, read_yaml
from mbnb.files import InputError

MOST = 100 << 20  # bytes of memory
LONGEST = 2000  # letters of what is said
SECONDS = 20  # on a busy machine
OPENED: list[str] = []
LISTENS = [False]


# What is said of these names settings and clips rather than the file.
UNPLACED = ("settings.yaml", "original.yaml", "pretrain.yaml", "grid.yaml", "sample.csv")


def some(faults: Iterable[str]) -> list[str]:
    """All of them in `make torture`; `make test` takes every eighth, since it must be quick."""
    faults = list(faults)
    return faults if os.environ.get("MBNB_EVERY_FAULT") else faults[2::8]


def _heard(event: str, arguments: tuple) -> None:
    if LISTENS[0] and event in ("open", "os.system", "subprocess.Popen", "socket.connect"):
        OPENED.append(f"{event} {arguments[0]}")


sys.addaudithook(_heard)


def state_of(folder: Path) -> tuple[dict[Path, int], list[Path]]:
    """When everything in a folder was written, and what lies beside it."""
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*")}, sorted(folder.parent.iterdir())


@contextlib.contextmanager
def nothing_worse(folder: Path):
    """What holds whatever is read in the block: see above. `folder` is where it may look."""
    before, began = state_of(folder), time.monotonic()
    OPENED.clear()
    tracemalloc.start()
    LISTENS[0] = True
    try:
        yield
    finally:
        LISTENS[0] = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.monotonic() - began < SECONDS
    assert peak < MOST, f"{peak >> 20} MB"
    assert state_of(folder) == before
    secret = [one for one in OPENED if "secret" in one or not one.startswith("open")]
    assert not secret, secret


def refusal_of(reader, path: Path) -> str:
    """What is said of a file; '' where it is read. Anything but an InputError goes through."""
    folder = path.parent if path.is_file() or not path.exists() else path
    with nothing_worse(folder):
        try:
            reader(path)
        except InputError as error:
            assert len(str(error)) < LONGEST, str(error)[:300]
            return str(error)
    return ""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The sound files, and what reads each; every one of them is read."""
    folder = tmp_path_factory.mktemp("sound")
    readers = ours.write_all(folder)
    for name in some(readers):
        assert refusal_of(readers[name], folder / name) == "", name
    return folder, readers


@pytest.mark.parametrize("damage", some([*faults.DAMAGE, *faults.OF_TEXT]))
def test_damage_of_every_kind_is_refused_or_read(damage, sound, tmp_path, monkeypatch):
    folder, readers = sound
    monkeypatch.chdir(tmp_path)
    do = (faults.DAMAGE | faults.OF_TEXT)[damage]
    worse = {}
    for name in some(readers):
        reader = readers[name]
        if damage in faults.OF_TEXT and not name.endswith(faults.TEXTUAL):
            continue
        path = tmp_path / name
        path.write_bytes(do((folder / name).read_bytes()))
        try:
            said = refusal_of(reader, path)
            assert not said or said.startswith(str(tmp_path.anchor)) or name in UNPLACED, said
        except Exception as error:  # all of them are listed at once
            worse[name] = f"{type(error).__name__}: {str(error)[:300]}"
    assert worse == {}


@pytest.mark.parametrize("name", some(faults.PICKLES))
def test_pickles_are_data_or_refused_wherever_they_stand(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = faults.PICKLES[name]
    for place, reader in (
        ("joints.pkl", formats.read_all),
        ("labels.pkl", read_codings),
        ("model.pt", ours.weights),
        ("data.pkl", samples.read_folder),
    ):
        (tmp_path / place).write_bytes(raw)
        assert refusal_of(reader, tmp_path / place), place
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", raw)
        archive.writestr("model/version", "3")
    assert refusal_of(ours.weights, tmp_path / "model.pt")
    held = np.array({"S1": {"walking": 1}}, object)
    npy = samples.bytes_of(held, allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "joints.npz", "w") as archive:
        archive.writestr("positions_3d.npy", npy[: npy.index(b"\x80")] + raw)
    assert refusal_of(formats.read_all, tmp_path / "joints.npz")


@pytest.mark.parametrize("name", some(faults.YAML))
def test_yaml_is_plain_values_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings.yaml"
    path.write_text(faults.YAML[name], encoding="utf-8")

    def read(path: Path) -> None:
        config = Config.of(read_yaml(path), {"outputs": str(tmp_path)})
        assert config.folder.path.resolve().is_relative_to(tmp_path), config.run
        assert config.folder.path.name.isprintable()

    said = refusal_of(read, path)
    assert said or name in ("two documents", "a percent sign", "a run that runs"), "it was read"


@pytest.mark.parametrize("name", some(faults.poses(samples.POSE)))
def test_poses_of_a_data_set_are_read_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = samples.write_folder(tmp_path / "data")
    clip = sorted((root / "train").iterdir())[0]
    raw, expected = faults.poses(samples.POSE)[name]
    (clip / "pose_3d.npy").write_bytes(raw)
    said = refusal_of(samples.read_folder, root)
    assert bool(said) == bool(expected), said
    if expected:
        assert str(clip / "pose_3d.npy") in said and re.search(expected, said), said


@pytest.mark.parametrize("name", some(faults.NAMES))
def test_names_of_clips_lead_nowhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").mkdir()
    np.save(tmp_path / "secret" / "pose_3d.npy", samples.POSE)
    root = samples.write_folder(tmp_path / "data")
    clip = sorted((root / "train").iterdir())[0]
    labels = (root / "train_labels.txt").read_text().replace(clip.name, name)
    if "/" not in name and name != "..":
        os.rename(clip, clip.with_name(name))
    (root / "train_labels.txt").write_text(labels)
    (root / "subjects.csv").write_text(
        (root / "subjects.csv").read_text().replace(clip.name, f'"{name}"')
    )
    said = refusal_of(samples.read_folder, root)
    assert said or not leads_out(name), "it was taken for a clip"


def leads_out(name: str) -> bool:
    """Whether a name is a path."""
    return "/" in name or name == ".."


@pytest.mark.parametrize("name", some(found.FOUND))
def test_what_fuzzers_found_is_refused_or_read_rightly(name, sound, tmp_path, monkeypatch):
    folder, readers = sound
    monkeypatch.chdir(tmp_path)
    kind, change = found.FOUND[name]
    (tmp_path / kind).write_bytes(change((folder / kind).read_bytes()))
    refusal_of(readers[kind], tmp_path / kind)


LISTS = {
    f"{place}: {name}": (place, *fault)
    for place, of in (
        ("train_labels.txt", sets.LABELS),
        ("classes.csv", sets.CLASSES),
        ("subjects.csv", sets.SUBJECTS),
    )
    for name, fault in of.items()
}


@pytest.mark.parametrize("name", some(LISTS))
def test_lists_of_a_data_set_are_read_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root, (place, change, expected) = samples.write_folder(tmp_path / "data"), LISTS[name]
    text = change((root / place).read_text(encoding="utf-8"))
    (root / place).write_text(text, encoding="utf-8", newline="")
    said = refusal_of(samples.read_folder, root)
    assert bool(said) == bool(expected) and re.search(expected, said), said


@pytest.mark.parametrize("name", some(sets.PACKED))
def test_packed_clips_are_read_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    raw, expected = sets.PACKED[name]
    for file, content in (
        ("train.npz", raw),
        ("train_labels.txt", b"a 0\nb 1\n"),
        ("subjects.csv", b"clip,subject\na,x\nb,y\n"),
    ):
        (tmp_path / "data" / file).write_bytes(content)
    said = refusal_of(samples.read_folder, tmp_path / "data")
    assert bool(said) == bool(expected) and re.search(expected, said), said


@pytest.mark.parametrize("name", some([*sets.SAFETENSORS, *sets.CHECKPOINTS]))
def test_weights_are_tensors_and_plain_values_or_refused(name, sound, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, whole = tmp_path / "model", (sound[0] / "model.pt").read_bytes()
    raw = sets.SAFETENSORS.get(name) or sets.CHECKPOINTS[name](whole)
    assert raw != whole
    path.write_bytes(raw)
    assert str(path) in refusal_of(ours.weights, path)


def test_there_are_two_hundred_distinct_faults():
    groups = [faults.DAMAGE, faults.OF_TEXT, faults.PICKLES, faults.YAML, set(faults.NAMES)]
    groups += [faults.poses(samples.POSE), found.FOUND, LISTS, sets.PACKED, sets.SAFETENSORS]
    assert sum(map(len, [*groups, sets.CHECKPOINTS])) >= 200


LINES = st.lists(
    st.lists(st.text(max_size=8) | st.sampled_from(["nan", "-1", "1e999", "C1", '"']), max_size=5),
    max_size=6,
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(lines=LINES, mark=st.sampled_from(",;\t:\n"), name=st.sampled_from(["a.csv", "a.yaml"]))
def test_any_lines_are_read_or_refused(lines, mark, name, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes("\n".join(map(mark.join, lines)).encode("utf-8", "replace"))
    readers = {"a.csv": (formats.read_all, read_codings, read_classes), "a.yaml": (read_yaml,)}
    for reader in readers[name]:
        try:
            reader(path)
        except InputError as error:
            assert len(str(error)) < LONGEST
