"""What cannot be written is said in one line, and what was there stays whole."""

import errno
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from build import config
from run.headless import command_line

from mbnb.files import ROOT, DiskError, disk_error, on_disk, replacing, write_text

LIMIT = 100_000  # bytes a file, in a process whose files are limited
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
from mbnb.__main__ import main
main(sys.argv[1:])
"""


def limited(*command):
    """A command in a process that cannot write large files, as on a disk that is nearly full."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda part: part.write_bytes(bytes(2 * LIMIT)),
        lambda part: np.save(part, np.zeros(LIMIT)),
        lambda part: torch.save(torch.zeros(LIMIT), part),
        lambda part: pd.DataFrame({"a": range(LIMIT)}).to_csv(part),
    ],
    ids=["bytes", "numpy", "torch", "pandas"],
)
def test_whatever_library_fails_to_write_the_file_before_stays(write, tmp_path):
    resource = pytest.importorskip("resource", reason="Windows has no limits of this kind")
    path = tmp_path / "kept.bin"
    path.write_text("before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        with pytest.raises(DiskError) as refused, replacing(path) as part:
            write(part)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = str(refused.value)
    assert said.startswith(f"{path} cannot be written: the file is larger than is allowed there")
    assert "What was written before is whole" in said and "\n" not in said
    assert path.read_text() == "before" and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full ("),
        (errno.EDQUOT, "(quota) is used up"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "you may not write there, or another program holds the file open"),
        (errno.EIO, "the disk does not answer"),
    ],
)
def test_one_line_says_which_disk_why_and_what_to_do(number, words, tmp_path):
    real, link = tmp_path / "disk", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with pytest.raises(DiskError) as refused, on_disk(link / "new" / "a.pt"):
        raise OSError(number, os.strerror(number))
    said = str(refused.value)
    assert str(link / "new" / "a.pt") in said and words in said and f"is {real}" in said
    assert "the setting outputs" in said and "repeat the command" in said and "\n" not in said


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (FileNotFoundError(errno.ENOENT, "gone"), RuntimeError("shapes differ")):
        with pytest.raises(type(error)) as same, on_disk(tmp_path):
            raise error
        assert same.value is error
    assert disk_error(BrokenPipeError(errno.EPIPE, "closed")) is None


@pytest.mark.parametrize(
    "write",
    [lambda part: part.write_bytes(b"1"), lambda part: pd.DataFrame({"a": [1]}).to_csv(part)],
    ids=["bytes", "pandas"],
)
def test_a_folder_that_is_renamed_while_it_is_written_to_is_named(write, tmp_path):
    (run := tmp_path / "run").mkdir()
    with (
        pytest.raises(DiskError, match=r"run.a\.csv cannot be written: its folder is gone"),
        replacing(run / "a.csv") as part,
    ):
        run.rename(tmp_path / "other")
        write(part)


def test_a_folder_that_is_made_anew_while_a_file_is_written_deeper_in_it_is_named(tmp_path):
    file = tmp_path / "tensorboard" / "events"
    with pytest.raises(DiskError, match="its folder is gone"), on_disk(tmp_path):
        open(bytes(file), "wb")


def test_a_name_that_is_as_long_as_disks_allow_is_written(tmp_path):
    path = tmp_path / ("x" * 240 + ".txt")
    write_text(path, "ü")
    assert path.read_text("utf-8") == "ü"
    with pytest.raises(DiskError, match="the name or the path is too long"):
        write_text(tmp_path / ("x" * 300), "")


def test_a_training_on_a_full_disk_keeps_its_last_epoch_and_goes_on(tmp_path):
    pytest.importorskip("resource", reason="Windows has no limits of this kind")
    import build

    splits = {"train": build.clips("abc", [0, 8, 17]), "test": build.clips("xy", [0, 8], "test")}
    root = build.data_folder(tmp_path / "data", splits)
    settings = config(outputs=tmp_path, run="mine", data_root=root, epochs=1, hidden_dim=512)
    settings.save(tmp_path / "mine.yaml")
    train = ["train", "-f", tmp_path / "mine.yaml"]
    assert command_line(*train).exit_code == 0
    latest = settings.folder.latest
    before = latest.read_bytes()
    assert len(before) > LIMIT
    done = limited(*train, "-p", "epochs", 2)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert f"goes on after the last epoch in {latest}" in said and "checkpoints" in said
    assert latest.read_bytes() == before
    assert command_line(*train, "-p", "epochs", 2).exit_code == 0


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "outputs").write_text("")
    for path in (tmp_path / "outputs" / "a.txt", tmp_path / "outputs" / "mine" / "a.txt"):
        with pytest.raises(DiskError, match="outputs.*(in its place|where a folder should be)"):
            write_text(path, "")


def test_a_folder_that_only_others_may_write_is_named(tmp_path):
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows has no such permissions")
    (tmp_path / "theirs").mkdir(mode=0o555)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65534)  # nobody, since nothing is forbidden to root
        with pytest.raises(DiskError, match="theirs.* cannot be written: you may not write there"):
            write_text(tmp_path / "theirs" / "a.txt", "")
    finally:
        os.seteuid(me)
