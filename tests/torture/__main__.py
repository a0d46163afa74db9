"""`make torture`: kills, faults, disks, bad data and fuzzers for half an hour; prints one table.

Each part has its share of the minutes and stops when they are over, and the table says how much
was tried. Two parts run side by side, each in a process of its own, and fuzzers at the end, two at
once.
"""

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from torture.fuzz import fuzz
from torture.outcome import Outcome, table_of

TESTS = Path(__file__).parents[1]
# What runs beside what, and the share of all minutes that each has.
LANES = (
    {"trainings": 0.36, "lab": 0.01},
    {"conversions": 0.22, "detections": 0.03, "faults": 0.12, "disks": 0.02, "corpus": 0.05},
)
FUZZING = 0.5


def corpus(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """The faults of tests/corpus, by its own tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", str(TESTS / "corpus")]
    every = os.environ | {"MBNB_EVERY_FAULT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent, env=every)
    passed, failed = (
        int(found[1]) if (found := re.search(rf"(\d+) {word}", done.stdout)) else 0
        for word in ("passed", "failed")
    )
    lost = re.findall(r"^FAILED \S+?::(.*)", done.stdout, re.MULTILINE)
    if not passed + failed:
        lost = [done.stdout[-300:] + done.stderr[-300:]]
    yield Outcome("corpus of bad data", passed + failed, passed, lost)


def part(name: str, folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """One part; what ends it too early is lost, too."""
    from torture.conversions import conversions, detections
    from torture.disks import disks
    from torture.faults import faults
    from torture.kills import trainings
    from torture.lab import lab

    every = (trainings, conversions, detections, faults, disks, corpus, lab)
    run = {one.__name__: one for one in every}[name]
    try:
        yield from run(folder, kills, seconds, seed)
    except Exception as error:
        yield Outcome(name, 1, 0, [f"{type(error).__name__}: {error}"])


def lane(parts: dict[str, float], folder: Path, kills: int, minutes: float, seed: int) -> list:
    """Parts one after the other, each in a process of its own; tells each outcome as it comes."""
    outcomes = []
    for name, share in parts.items():
        command = [sys.executable, "-m", "torture", "--part", name, "--keep", str(folder / name)]
        command += ["--kills", str(kills), "--minutes", str(share * minutes), "--seed", str(seed)]
        silent = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **silent) as process:
            for line in process.stdout:
                if line.startswith("{"):
                    outcomes.append(Outcome(**json.loads(line)))
                    tell(outcomes[-1])
        if process.returncode:
            outcomes.append(Outcome(name, 1, 0, [f"it ended with {process.returncode}"]))
    return outcomes


def tell(outcome: Outcome) -> None:
    """One line about what was tried."""
    lost = outcome.lost or "nothing"
    click.echo(f"{outcome.what}: {outcome.tried} tried, lost {lost}")


@click.command()
@click.option("--kills", default=100, show_default=True, help="Of trainings, and of conversions.")
@click.option("--minutes", default=27.0, show_default=True, help="For everything together.")
@click.option("--seed", default=0, show_default=True, help="Other instants.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to leave everything in.")
@click.option("--part", "alone", help="One part alone, told as JSON.")
@click.option("--only", multiple=True, help="These parts alone; fuzz is one.")
def main(
    kills: int, minutes: float, seed: int, keep: Path | None, alone: str, only: tuple[str, ...]
) -> None:
    """Kill, fill up, damage and fuzz; the exit code is 1 where something was lost."""
    began = time.monotonic()
    if alone:
        for outcome in part(alone, keep, kills, 60 * minutes, seed):
            print(json.dumps(dataclasses.asdict(outcome)), flush=True)
        return
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(len(LANES)) as pool:
        folder = (keep or Path(place)).absolute()
        chosen = [{n: share for n, share in of.items() if not only or n in only} for of in LANES]
        told = [pool.submit(lane, of, folder, kills, minutes, seed) for of in chosen]
        outcomes = [outcome for one in told for outcome in one.result()]
        if not only or "fuzz" in only:
            left = 60 * minutes - (time.monotonic() - began)
            for outcome in fuzz(folder / "fuzz", max(60.0, min(left, 60 * FUZZING * minutes))):
                outcomes.append(outcome)
                tell(outcome)
    click.echo(f"\n{table_of(outcomes)}\n\nin {(time.monotonic() - began) / 60:.0f} minutes")
    sys.exit(any(outcome.lost for outcome in outcomes))


if __name__ == "__main__":
    main()
