"""Time and memory of data sets of many clips: `python -m benchmarks.large 10000 100000 1000000`.

Each size is measured in a process of its own, from the files to the report; nothing needs a model,
whose cost is `python -m benchmarks`'. Clips of 60 frames are a few simulated people over and over,
each time with other noise, a hundred a person, packed in `train.npz`; scored are all of them, with
answers that were drawn. `--folders` has a folder a clip instead, which is read and no more. Seconds
are those of the processor, of all its cores, as others may use them, too; memory is the most that
cannot be given back to the disk, as mapped files can. The last column says how costs grow: 1 is as
the data, 2 as their square. `--at DIR` is where the data go, 12 KB a clip.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

from mbnb.classes import read_classes, write_classes
from mbnb.clips import Clips, join
from mbnb.config import Config
from mbnb.data import dataset
from mbnb.data.cache import cache_of
from mbnb.data.held_out import hold_people_out
from mbnb.data.layout import DataFolder
from mbnb.data.quality import quality_table
from mbnb.data.simulated import simulated_splits, simulated_table
from mbnb.data.write import write_frames
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import load_evaluation, write_evaluation
from mbnb.explain import find
from mbnb.files import ROOT
from mbnb.prepare import make_recipe
from mbnb.scores.audit import audit
from mbnb.show import figures
from mbnb.show.cards import write_class_pages
from mbnb.show.explorer import explore, write_explorer
from mbnb.show.report import write_report

FRAMES = 60
CLIPS_A_PERSON = 100
VECTOR = 256  # numbers by which clips are found that are alike
OF_ANSWERS = ("confusion_matrix", "region_matrix", "error_split", "class_profile", "confidence")
OF_DATA = ("class_counts", "people_and_lengths", "motion_by_class", "motion_by_joint")


def poses_of(source: Clips, count: int) -> Iterator[np.ndarray]:
    """`count` clips (FRAMES, J, 3), those of `source` over and over with fresh noise."""
    rng = np.random.default_rng(0)
    base = [pose[np.arange(FRAMES) % len(pose)] for pose in source]
    for i in range(count):
        noise = rng.standard_normal(base[0].shape, np.float32)
        yield base[i % len(base)] + np.float32(0.002) * noise


def write(root: Path, count: int, folders: bool) -> None:
    """A data set of `count` labelled clips of train in the documented layout."""
    config = Config.of({"simulated_people": 4, "simulated_test_people": 1})
    source, folder = simulated_splits(config)["train"], DataFolder(root)
    root.mkdir()
    write_classes(read_classes(simulated_table(config)), folder.classes)
    folder.simulated.touch()
    names, poses = [f"clip{i:07d}" for i in range(count)], poses_of(source, count)
    if folders:
        for name, pose in zip(names, poses):
            folder.pose("train", name).parent.mkdir(parents=True)
            np.save(folder.pose("train", name), pose)
    else:
        write_frames(folder.packed("train"), names, [FRAMES] * count, poses)
    labels, people = np.resize(source.labels, count), np.arange(count) // CLIPS_A_PERSON
    lines = "".join(f"{name} {label}\n" for name, label in zip(names, labels))
    folder.labels("train").write_text(lines)
    lines = "".join(f"{name},p{one}\n" for name, one in zip(names, people))
    folder.subjects.write_text(f"clip,subject\n{lines}")


class Meter:
    """Seconds of the processor, of the clock, and gigabytes at most, of one step after another."""

    def __init__(self):
        self.found: list[dict[str, Any]] = []

    def __call__(self, what: str, step: Callable[[], Any]) -> Any:
        ended, most = threading.Event(), [0.0]
        watch = threading.Thread(target=self._watch, args=(ended, most))
        watch.start()
        clock, processor = time.perf_counter(), sum(os.times()[:4])
        result = step()
        seconds = sum(os.times()[:4]) - processor
        clock = time.perf_counter() - clock
        ended.set()
        watch.join()
        row = {"step": what, "seconds": seconds, "clock": clock, "GB": most[0]}
        print(json.dumps(row), file=sys.stderr, flush=True)
        self.found.append(row)
        return result

    def _watch(self, ended: threading.Event, most: list[float]) -> None:
        kinds = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)
        while True:
            sizes = kinds.findall(Path("/proc/self/status").read_text())
            most[0] = max(most[0], sum(map(int, sizes)) / 2**20)
            if ended.wait(0.05):
                return


def measure(count: int, place: Path, folders: bool) -> list[dict[str, Any]]:
    """A row a step for so many clips."""
    timed, root = Meter(), place / "data"
    given = {"data_root": str(root), "outputs": str(place), "run": "large", "method": "rocket"}
    given |= {"clips_on": "disk", "val_fraction": 0.0}
    config = Config.of(given)
    timed("write", lambda: write(root, count, folders))
    timed("verify, read and cache", lambda: dataset.load(config))
    data = timed("open the cache", lambda: dataset.load(config))
    if folders:
        return timed.found
    timed("fingerprint", data.fingerprint)
    holding = replace(config, val_fraction=0.2)
    splits, _ = timed("hold people out", lambda: hold_people_out(data.splits, holding, root))
    timed("an epoch's batches", partial(an_epoch, config, data))
    answers = timed("draw answers", partial(drawn_answers, data))
    about = {"model": "drawn", "members": {"rocket": 1.0}}
    timed("score and write", lambda: write_evaluation(config, data, answers, about))
    evaluation = timed("read predictions", lambda: load_evaluation(config, data))
    timed("figures of answers", lambda: draw(config, OF_ANSWERS, evaluation))
    moved = timed("motion of errors", lambda: evaluation.motion_of_errors(config.fps))
    timed("its figure", lambda: draw(config, ["motion_of_outcomes"], evaluation, moved))
    timed("explorer", lambda: write_explorer(config, explore(config, data, evaluation)))
    timed("class pages", lambda: write_class_pages(config, data, evaluation))
    timed("report", lambda: write_report(config))
    vectors = np.random.default_rng(0).standard_normal((count, VECTOR), np.float32)
    find._embedded = lambda *_: (vectors, None)
    timed("find alike", lambda: find.find(config, data.splits["train"].names[-1], root))
    timed("figures of the data", lambda: draw(config, OF_DATA, data))
    timed("leak audit", lambda: audit(replace(data, splits=splits)))
    timed("quality", lambda: quality_table(root, data.splits, data.skeleton, config.fps))
    return timed.found


@contextmanager
def without_cache(place: Path) -> Iterator[None]:
    """Remove what mbnb keeps of the data in `place` in the end."""
    try:
        yield
    finally:
        cache = cache_of((place / "data").resolve())
        for kept in cache.parent.glob(f"{cache.name.partition('-')[0]}-*"):
            shutil.rmtree(kept)


def an_epoch(config: Config, data: dataset.DataSet) -> None:
    """All batches of an epoch, augmented, as a model would see them."""
    train, device = data.splits["train"], torch.device("cpu")
    recipe = make_recipe(train, config, data.skeleton, data.classes, device, training=True)
    order = torch.randperm(len(train)).split(config.batch_size)
    for _ in recipe.training_batches(order):
        pass


def drawn_answers(data: dataset.DataSet) -> Evaluation:
    """Answers to all clips, of which two thirds are right."""
    rng, clips = np.random.default_rng(0), join(list(data.splits.values()))
    answers = rng.dirichlet(np.full(len(data.classes), 0.1), len(clips))
    sure = np.flatnonzero(rng.random(len(clips)) < 2 / 3)
    answers[sure] /= 2
    answers[sure, clips.labels[sure]] += 0.5
    return Evaluation("train", clips, data.classes, answers)


def draw(config: Config, names: list[str] | tuple[str, ...], *about: Any) -> None:
    """Draw and save figures by their names."""
    for name in names:
        figures.save_figure(getattr(figures, name)(*about), config, name)


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a step: seconds and memory by number of clips, and how the seconds grow."""
    cells = [f"{row.seconds:.1f} s, {row.GB:.1f} GB" for row in rows.itertuples()]
    table = rows.assign(cell=cells).pivot(index="step", columns="clips", values="cell")
    seconds = rows.pivot(index="step", columns="clips", values="seconds").clip(lower=0.01)
    if len(seconds.columns) > 1:
        few, many = seconds.columns[-2:]
        powers = np.log(seconds[many] / seconds[few]) / math.log(many / few)
        table["grows as"] = powers.map("{:.2f}".format)
    return table.loc[rows["step"].unique()]


@click.command()
@click.argument("counts", nargs=-1, type=int, required=True)
@click.option("--folders", is_flag=True, help="A folder a clip in place of train.npz.")
@click.option("--at", type=click.Path(), help="Where the data go; a temporary folder.")
@click.option("--one", hidden=True, type=click.Path())
def main(counts: tuple[int, ...], folders: bool, at: str | None, one: str | None) -> None:
    """Measure data sets of so many clips, one after the other."""
    if one:
        print(json.dumps(measure(counts[0], Path(one), folders)))
        return
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=at) as place, without_cache(Path(place)):
            command = [sys.executable, "-m", "benchmarks.large", str(count), "--one", place]
            command += ["--folders"] * folders
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        rows += [{"clips": count} | row for row in json.loads(done.stdout.splitlines()[-1])]
        print(table_of(pd.DataFrame(rows)).to_string(), flush=True)


if __name__ == "__main__":
    main()
