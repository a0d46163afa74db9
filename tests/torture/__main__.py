"""`make torture`: kills, disks, bad data and fuzzers for half an hour; prints one table."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
from torture.disks import disks
from torture.fuzz import fuzz
from torture.kills import KINDS, Outcome, conversions, table_of, trainings

TESTS = Path(__file__).parents[1]


def corpus() -> Outcome:
    """The faults of tests/corpus, by its own tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", str(TESTS / "corpus")]
    every = os.environ | {"MBNB_EVERY_FAULT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent, env=every)
    passed, failed = (
        int(found[1]) if (found := re.search(rf"(\d+) {word}", done.stdout)) else 0
        for word in ("passed", "failed")
    )
    lost = re.findall(r"^FAILED \S+?::(.*)", done.stdout, re.MULTILINE)
    return Outcome("corpus of bad data", passed + failed, passed, lost)


def parts(place: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Everything, in the order of the table."""
    yield from trainings(place / "trainings", kills // len(KINDS), seed)
    yield conversions(place / "conversions", kills, seed)
    yield from disks(place / "disks")
    yield corpus()
    yield from fuzz(place / "fuzz", seconds)


@click.command()
@click.option("--kills", default=100, show_default=True, help="Of trainings, and of conversions.")
@click.option("--seconds", default=300.0, show_default=True, help="For all fuzzers together.")
@click.option("--seed", default=0, show_default=True, help="Other instants and other bytes.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to leave everything in.")
def main(kills: int, seconds: float, seed: int, keep: Path | None) -> None:
    """Kill, fill up, damage and fuzz; the exit code is 1 where something was lost."""
    began, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory() as place:
        for outcome in parts(keep or Path(place), kills, seconds, seed):
            outcomes.append(outcome)
            click.echo(f"{outcome.what}: {outcome.tried} tried, lost {outcome.lost or 'nothing'}")
    click.echo(f"\n{table_of(outcomes)}\n\nin {(time.monotonic() - began) / 60:.0f} minutes")
    sys.exit(any(outcome.lost for outcome in outcomes))


if __name__ == "__main__":
    main()
