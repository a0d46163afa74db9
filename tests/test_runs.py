"""A run's folder belongs to one process at a time, and to who it is inside of."""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from run.headless import command_line

from mbnb import runs
from mbnb.files import ROOT, InputError, replacing
from mbnb.runs import RunFolder

# What a network file system without locks, or without links, says to whoever asks for one.
WITHOUT = """
import errno, os
def refused(*args, **kwargs):
    raise OSError(number, os.strerror(number))
number = getattr(errno, os.environ.get("NO_LOCKS", ""), 0)
try:
    import fcntl
    if number:
        fcntl.flock = fcntl.lockf = os.link = refused
except ImportError:
    pass
"""
HOLD = (
    WITHOUT
    + """
import sys, time
from pathlib import Path
from mbnb.runs import RunFolder
with RunFolder(Path(sys.argv[1])).claimed():
    print("held", flush=True)
    time.sleep(60)
"""
)


@contextmanager
def held_elsewhere(folder):
    """Another process that writes into the run, and what it is called."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            yield other
        finally:
            other.kill()


def marker(folder, **lines):
    """The lock of a process of another machine."""
    known = {"pid": 4711, "host": "node07", "mode": "lease", "token": "ab", "duration": 60.0}
    text = "".join(f"{key}={value}\n" for key, value in (known | lines).items())
    folder.path.mkdir(exist_ok=True)
    folder.lock.write_text(f"filelock/2\n{text}")


def test_a_second_process_is_told_who_writes_and_a_killed_one_is_followed_at_once(tmp_path):
    folder = RunFolder(tmp_path / "mine ü")
    with held_elsewhere(folder) as other:
        with pytest.raises(InputError) as refused, folder.claimed():
            pass
        said = str(refused.value)
        assert f"{folder.path} is being written to by process {other.pid} on " in said
        assert "since " in said and "python" in said and "another name" in said
        other.send_signal(signal.SIGKILL)
        other.wait()
        began = time.monotonic()
        with folder.claimed():
            assert folder.lock.exists()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(("number", "days"), [("ENOLCK", -400), ("EOPNOTSUPP", 400)])
def test_disks_without_locks_and_clocks_that_are_set_keep_runs_apart_all_the_same(
    number, days, tmp_path, monkeypatch
):
    fcntl = pytest.importorskip("fcntl", reason="Windows has other locks")
    monkeypatch.setenv("NO_LOCKS", number)

    def refused(*args, **kwargs):
        raise OSError(getattr(errno, number), number)

    for module, name in ((fcntl, "flock"), (fcntl, "lockf"), (os, "link")):
        monkeypatch.setattr(module, name, refused)
    folder, then = RunFolder(tmp_path / "mine"), time.time() + days * 86_400
    with held_elsewhere(folder) as other:
        os.utime(folder.lock, (then, then))
        with pytest.raises(InputError, match="is being written to"), folder.claimed():
            pass
        other.kill()
        other.wait()
        os.utime(folder.lock, (then, then))
        began = time.monotonic()
        with folder.claimed():
            assert folder.lock.exists() and time.monotonic() - began < 5


def test_what_a_killed_process_left_half_written_is_cleared_by_the_next(tmp_path):
    folder = RunFolder(tmp_path / "mine")
    folder.path.mkdir()
    try:
        with replacing(folder.metrics) as part:
            part.write_text("half")
            left = part.parent.rename(part.parent.with_name(f"{part.parent.name}x"))
            raise KeyboardInterrupt  # and nobody clears up
    except KeyboardInterrupt:
        assert left.is_dir()
    (folder.path / ".mine.settings").mkdir()  # somebody's own
    with folder.claimed():
        assert {path.name for path in folder.path.iterdir()} == {".lock", ".mine.settings"}


def test_who_is_started_by_the_holder_is_inside(tmp_path):
    folder = RunFolder(tmp_path / "mine")
    with folder.claimed(), folder.claimed(), held_elsewhere(folder) as inner:
        assert inner.poll() is None
    assert not folder.path.exists(), "nothing came of it"
    with held_elsewhere(folder):
        with pytest.raises(InputError), folder.claimed():
            pass
    # Another run within does not let go of the first one, nor is it the same one.
    with folder.claimed():
        with RunFolder(folder.recipes / "a").claimed():
            pass
        assert folder.lock.exists()
    assert runs.CLAIMS not in os.environ or not os.environ[runs.CLAIMS].strip()


def test_a_silent_process_of_another_machine_is_followed_after_a_while(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(runs, "SILENCE", 2.0)
    monkeypatch.setattr(runs, "SIGN", 0.3)
    folder = RunFolder(tmp_path)
    marker(folder, duration=2.0)
    with folder.claimed():
        assert "node07" not in folder.lock.read_text()
    assert "waiting for a sign of life of process 4711 on node07" in capsys.readouterr().err
    assert folder.path.exists(), "it was there before"
    folder.lock.write_text("")  # of a process that was killed when it had just begun
    with folder.claimed():
        pass


def test_a_process_of_another_machine_that_gives_signs_of_life_is_left_alone(tmp_path):
    folder = RunFolder(tmp_path)
    with held_elsewhere(folder):
        text = folder.lock.read_text()
        other = text.replace("host=", "host=node08-")
        folder.lock.write_text(other)  # the heartbeat goes on touching the file
        with pytest.raises(InputError, match="on node08"), folder.claimed():
            pass


@pytest.mark.parametrize("command", ["train", "evaluate", "run", "combine"])
def test_every_command_that_writes_a_run_is_refused(command, tmp_path):
    import build

    splits = {"train": build.clips("abc", [0, 8, 17]), "test": build.clips("xy", [0, 8], "test")}
    build.data_folder(tmp_path / "data", splits)
    settings = build.config(outputs=tmp_path, run="mine", data_root=tmp_path / "data", epochs=1)
    settings.save(tmp_path / "mine.yaml")
    given = ["-f", tmp_path / "mine.yaml"]
    assert command_line("train", *given).exit_code == 0
    latest = settings.folder.latest
    assert command_line("evaluate", latest).exit_code == 0
    what = {"train": [], "evaluate": [latest], "run": ["03"], "combine": ["mine"]}[command]
    with held_elsewhere(settings.folder):
        done = command_line(command, *what, *given)
    assert done.exit_code == 2, done.output
    assert "is being written to by process" in done.stderr and done.stderr.count("\n") < 6


def test_after_ctrl_c_it_is_said_what_is_kept(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mbnb.convert.find_sources", interrupted)
    done = command_line("convert", tmp_path, tmp_path / "out")
    assert done.exit_code == 130 and "Aborted" not in done.output
    assert "Ctrl-C: what was written before is whole; the same command goes on" in done.output
