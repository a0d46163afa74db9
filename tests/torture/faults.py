"""What befalls a training or a conversion besides kill -9 of all of it.

One of two processes that train together is killed, a worker of a conversion or of a cluster is, a
second run comes into the folder, the data or their cache go away, a cluster wants its machine back.
"""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import build
import psutil
from torture.kills import INTERVAL, SMALL, differences, digests
from torture.outcome import Outcome

from mbnb.config import Config
from mbnb.convert import convert, find_sources, on_cluster
from mbnb.data import cache
from mbnb.data.dataset import load
from mbnb.files import ROOT
from mbnb.formats import WRITERS
from mbnb.runs import CLAIMS
from mbnb.train import train

LONG, SHORT = 120, 8  # epochs, of which the first take longer than Python to start


def faults(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Each once, as long as `seconds` are not over."""
    end = time.monotonic() + seconds
    people = {
        "train": build.clips("abcd", [0, 2] * 2, pose=build.moving, classes=build.CLASSES),
        "val": build.clips("ij", [0, 2], "val", pose=build.moving, classes=build.CLASSES),
    }
    root = build.data_folder(folder / "data", people, build.CLASSES)
    given = SMALL | dict(epochs=LONG, data_root=str(root), outputs=str(folder), run="whole")
    whole = Config.of(given)
    train(whole, load(whole))
    for what, try_it in (
        ("one of two processes of a training killed", _process_killed),
        ("two trainings in one folder", _two_in_one),
        ("SIGTERM, SIGUSR1, SIGINT to a training", _asked_to_stop),
        ("data gone while training", _without_data),
        ("cache of clips gone while training", _without_cache),
    ):
        yield _tried(what, lambda try_it=try_it: try_it(whole, folder), end)
    skeletons, once = folder / "skeletons", folder / "once"
    skeletons.mkdir()
    for i in range(30):
        WRITERS["csv"](skeletons / f"{i:02d}.csv", build.moving(i % 4, i, 400), 30.0)
    convert(find_sources(skeletons, build.DOCUMENT), once, build.DOCUMENT, workers=2)
    for what, try_it in (
        ("worker of a conversion killed", _worker_killed),
        ("worker of a Dask cluster killed", _of_cluster_killed),
        ("two conversions in one folder", _two_conversions),
    ):
        yield _tried(what, lambda try_it=try_it: try_it(skeletons, once, folder), end)


def _tried(what: str, try_it: Callable[[], tuple[list[str], str]], end: float) -> Outcome:
    """What came of one trial: what was lost, and a note."""
    if time.monotonic() > end:
        return Outcome(what, note="not tried: its time is over")
    try:
        lost, note = try_it()
    except ImportError as error:
        return Outcome(what, note=f"skipped: {error}")
    except Exception as error:
        lost, note = [f"{type(error).__name__}: {error}"[:300]], ""
    return Outcome(what, 1, int(not lost), lost, note)


def _begun(config: Config) -> subprocess.Popen:
    """A training as a user starts it, when its first point is written."""
    path = config.folder.path.with_suffix(".yaml")
    config.save(path)
    command = [sys.executable, "-m", "mbnb", "train", "-f", str(path)]
    before = set(config.folder.points.glob("*.pt"))
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    # Where `make` itself was begun in the background, Ctrl-C is ignored, and would be here.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=listens, **pipes)
    while process.poll() is None and set(config.folder.points.glob("*.pt")) <= before:
        time.sleep(INTERVAL / 10)
    return process


def _process_killed(whole: Config, folder: Path) -> tuple[list[str], str]:
    both, broken = (
        dataclasses.replace(whole, run=name, devices=2, epochs=SHORT)
        for name in ("both", "one of two")
    )
    train(both, load(both))
    process = _begun(broken)
    workers = psutil.Process(process.pid).children(recursive=True)
    ranks = [one for one in workers if "torch.distributed.run" not in " ".join(one.cmdline())]
    ranks = [one for one in ranks if "mbnb" in one.cmdline()]
    ranks[-1].kill()
    said, code = process.communicate()[1], process.returncode
    lost = (
        [] if code == 2 and "failed; the end of" in said else [f"exit code {code}: {said[-200:]}"]
    )
    train(broken, load(broken))
    note = "the other one ends, too, and the same command goes on from the last point"
    return lost + differences(both.folder, broken.folder), note


def _two_in_one(whole: Config, folder: Path) -> tuple[list[str], str]:
    config = dataclasses.replace(whole, run="shared")
    first = _begun(config)
    second = subprocess.Popen(first.args, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    said, lost = second.communicate()[1], []
    if second.returncode != 2 or "is being written to by process" not in said:
        lost = [f"the second: exit code {second.returncode}: {said[-200:]}"]
    first.communicate()
    return lost + differences(whole.folder, config.folder), "the second is refused"


def _asked_to_stop(whole: Config, folder: Path) -> tuple[list[str], str]:
    config, lost = dataclasses.replace(whole, run="asked"), []
    for name in ("SIGTERM", "SIGUSR1", "SIGINT"):
        process = _begun(config)
        process.send_signal(getattr(signal, name))
        said, code = process.communicate()[1], process.returncode
        if "stopping after this step" not in said or code == 0:
            lost.append(f"{name}: exit code {code}: {said[-200:]}")
    train(config, load(config))
    return lost + differences(whole.folder, config.folder), "a point is written first"


def _without_data(whole: Config, folder: Path) -> tuple[list[str], str]:
    root = Path(whole.data_root)
    config, away = (
        dataclasses.replace(whole, run="no data", clips_on="disk"),
        root.with_name("away"),
    )
    data = load(config)
    try:
        train(config, data, on_epoch=lambda history: root.exists() and os.rename(root, away))
    finally:
        os.rename(away, root)
    return differences(whole.folder, config.folder), "what is in memory, or mapped, suffices"


def _without_cache(whole: Config, folder: Path) -> tuple[list[str], str]:
    config, worth = dataclasses.replace(whole, run="no cache", clips_on="disk"), cache.WORTH
    cache.WORTH = 1
    try:
        load(config)
        data = load(config)  # from the cache, whose frames stay on the disk
        kept = next(
            path
            for path in (ROOT / "data" / "cache").glob("*-*/remarks.json")
            if (path.parent / "train.npy").samefile(data.splits["train"].frames.filename)
        ).parent
        train(config, data, on_epoch=lambda history: shutil.rmtree(kept, ignore_errors=True))
    finally:
        cache.WORTH = worth
    return differences(whole.folder, config.folder), "a file in use stays until it is closed"


def _during(out: Path, work: Callable[[], object], then: Callable[[], None]) -> None:
    """Run `work`, and once `then` when the first records of `out` are there."""

    def wait() -> None:
        end = time.monotonic() + 60
        while len(list((out / ".work" / "records").glob("*.json"))) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    work()
    thread.join()


def _worker_killed(skeletons: Path, once: Path, folder: Path) -> tuple[list[str], str]:
    out = folder / "worker killed"
    sources = find_sources(skeletons, build.DOCUMENT)
    killed = []

    def kill() -> None:
        children = psutil.Process().children()
        workers = [one for one in children if "serve" in " ".join(one.cmdline())]
        killed.extend(workers[:1])
        workers[0].kill()

    _during(out, lambda: convert(sources, out, build.DOCUMENT, workers=2), kill)
    missing = (out / "failures.csv").read_text().count("was killed")
    convert(sources, out, build.DOCUMENT, workers=2)
    lost = [] if digests(out) == digests(once) else ["the folders differ"]
    return lost, f"{missing} file of {len(sources)} is told and made by the next run"


def _of_cluster_killed(skeletons: Path, once: Path, folder: Path) -> tuple[list[str], str]:
    from distributed import LocalCluster

    out = folder / "cluster"
    sources = find_sources(skeletons, build.DOCUMENT)
    about = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**about) as cluster, on_cluster(cluster.scheduler_address):
        pids = [worker.pid for worker in cluster.workers.values()]
        _during(
            out,
            lambda: convert(sources, out, build.DOCUMENT),
            lambda: os.kill(pids[0], signal.SIGKILL),
        )
    convert(sources, out, build.DOCUMENT, workers=2)
    lost = [] if digests(out) == digests(once) else ["the folders differ"]
    return lost, "its files go to another worker"


def _two_conversions(skeletons: Path, once: Path, folder: Path) -> tuple[list[str], str]:
    out, said = folder / "shared conversion", []
    long = folder / "long"  # it takes longer than Python to start
    long.mkdir()
    for path in skeletons.iterdir():
        WRITERS["csv"](long / path.name, build.moving(0, int(path.stem), 8000), 30.0)
    sources = find_sources(long, build.DOCUMENT)
    command = [sys.executable, "-m", "mbnb", "convert", str(long), str(out)]

    def second() -> None:
        # Who is started by the one that writes is let in, so that is not handed down.
        others = {key: value for key, value in os.environ.items() if key != CLAIMS}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=others)
        said.append(f"exit code {done.returncode}: {done.stderr}")

    _during(out, lambda: convert(sources, out, build.DOCUMENT, workers=1), second)
    lost = [] if "is being written to by process" in said[0] else said
    missing = [one.name for one in sources if not (out / "test" / one.name).is_dir()]
    return lost + [f"{name} is missing" for name in missing], "the second is refused"
