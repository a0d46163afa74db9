"""The timeline of an hour: how large its page is, how soon it opens, how fluently it moves.

An hour of a simulated person at 30 frames a second, thousands of segments of a machine and of a
coder, probabilities five times a second; opened in a headless Chromium. Beside what a clock shows
stand the seconds that one core worked on the page, which other programs change little.
"""

import shutil
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import read_classes
from mbnb.coding.recordings import Recording
from mbnb.config import Config
from mbnb.files import InputError
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval
from mbnb.show.timeline import timeline, write_timeline
from mbnb.simulate import simulate

MINUTES, QUICK, ROUNDS, PICTURES = 60, 2, 5, 60
READY = "return document.querySelector('.mbnb')?.shadowRoot.timeline?.ready ? performance.now() : 0"
# Pictures of a view that grows from a second to all of it, while people are at another moment each.
MOVES = (
    f"const pictures = {PICTURES}"
    + """
    const { panel, clock, data } = document.querySelector('.mbnb').shadowRoot.timeline
    const done = arguments[0], shown = []
    const step = now => {
      shown.push(now)
      const share = shown.length / pictures
      panel.show(0, 1 + (data.length - 1) * share)
      clock.seek(data.length * share)
      if (shown.length < pictures) requestAnimationFrame(step)
      else done((shown.at(-1) - shown[0]) / (shown.length - 1))
    }
    requestAnimationFrame(step)"""
)


def measure_timeline(config: Config, quick: bool = False) -> pd.DataFrame:
    """A row of numbers of the page, which lies in the run's folder; `quick` takes two minutes."""
    minutes = QUICK if quick else MINUTES
    classes = read_classes("ma52")
    person, coding, coder, table = _interview(60 * minutes, classes, np.random.default_rng(0))
    start = time.process_time()
    view = timeline(coding, [person], against=coder, table=table, classes=classes)
    path = write_timeline(view, config.folder.path / "timeline.html")
    written = time.process_time() - start
    row = {
        "minutes": minutes,
        "frames": len(person.pose),
        "segments": len(coding) + len(coder),
        "page_mb": path.stat().st_size / 1e6,
        "written_core_s": written,
    }
    return pd.DataFrame([row | _opened(path, 1 if quick else ROUNDS)])


def _interview(seconds: float, classes, rng) -> tuple[Recording, Coding, Coding, pd.DataFrame]:
    """One person, what a machine finds, what a coder says, and probabilities over time."""
    clips = simulate(2, 2, 1)["test"]
    frames = round(30 * seconds)
    order = rng.integers(len(clips), size=frames // int(clips.lengths.min()) + 1)
    # Clips follow each other at one place; a tracker's trembling is what packs worst.
    pose = np.concatenate([clips[i] - clips[i][0, :1] for i in order])[:frames]
    pose = (pose + rng.normal(0, 0.002, pose.shape)).astype(np.float32)
    found, coded, at = [], [], 1.0
    while at < seconds - 4:
        end, label = at + 0.3 + rng.gamma(2, 0.6), int(rng.integers(len(classes)))
        name, region, sure = classes.names[label], classes.regions[label], rng.uniform(0.4, 1)
        found.append(Interval(at, end, name, region, "", MACHINE, sure))
        if rng.random() < 0.8:
            borders = np.array([at, end]) + rng.normal(0, 0.1, 2)
            coded.append(Interval(*borders.tolist(), name, region, "", HUMAN))
        at += 0.2 + rng.gamma(2, 0.4)
    steps = np.arange(0.1, seconds, 0.2)
    table = pd.DataFrame(0.3 * rng.dirichlet(np.full(len(classes), 0.05), len(steps)))
    table.columns = list(classes.names)
    table.insert(0, "time", steps)
    person = Recording("interview", pose, np.arange(frames) / 30)
    return person, Coding("interview", tuple(found)), Coding("coder", tuple(coded)), table


def _opened(path: Path, rounds: int) -> dict[str, float]:
    """Medians over rounds: until lanes, people and probabilities are there, and of a picture.

    Raises InputError where there is no Chromium with its driver, or no selenium.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        raise InputError("no browser: install the Debian packages chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless", "no-sandbox", "disable-gpu", "no-first-run", "window-size=1366,900"):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    rows = []
    try:
        for _ in range(rounds):
            browser.get(path.absolute().as_uri())
            while not (ready := browser.execute_script(READY)):
                time.sleep(0.01)
            opened = _worked(browser)
            shown = browser.execute_async_script(MOVES)
            moved = (_worked(browser) - opened) / PICTURES
            heap = browser.execute_script("return performance.memory.usedJSHeapSize")
            rows.append((ready / 1000, opened, shown, 1000 * moved, heap / 1e6))
    finally:
        browser.quit()
    names = ("opens_s", "opens_core_s", "picture_ms", "picture_core_ms", "heap_mb")
    return dict(zip(names, map(statistics.median, zip(*rows))))


def _worked(browser) -> float:
    """Seconds that a core has worked on the page."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "ThreadTime")
