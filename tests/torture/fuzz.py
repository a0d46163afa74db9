"""Readers on bytes that nobody thought of: the sound files, changed at random, for some time.

`atheris` (extra `torture`) chooses changes by which lines of the readers they reach; without it
they are drawn blindly. Whatever a reader answers but an InputError is kept as a file, to become a
case of tests/corpus. Each reader runs in a process of its own, in little memory.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from torture.kills import Outcome

MEMORY = 8 << 30  # bytes of address space; torch alone takes three
WORDS = [b"nan", b"1e999", b"-1", b"9" * 30, b"\0", b"\xff\xff\xff\x7f", b"[[[[", b"..", b'"', b"<"]


def fuzz(folder: Path, seconds: float) -> Iterator[Outcome]:
    """Every reader for its share of `seconds`; what went wrong lies in `folder` afterwards."""
    from corpus.samples import write_samples

    folder.mkdir(parents=True, exist_ok=True)
    readers = write_samples(folder)
    for name in readers:
        command = [sys.executable, "-m", "torture.fuzz", str(folder), name]
        command.append(str(seconds / len(readers)))
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if lines:
            told = json.loads(lines[-1])
        else:
            told = {"tried": 1, "lost": [f"the process ended with {done.returncode}"]}
        outcome = Outcome(f"fuzzing {name}", told["tried"], lost=told["lost"])
        outcome.survived = outcome.tried - len(outcome.lost)
        outcome.note = told.get("note", "") + "; ".join(outcome.lost[:3])
        yield outcome


def changed(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with a few random changes."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 64)))
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end] * rng.choice((1, 2, 50))
            case 3:
                data[at:end] = rng.choice(WORDS)
            case 4:
                data[at:end] = rng.randbytes(end - at)
            case 5 if numbers := list(re.finditer(rb"\d+", bytes(data))):
                found = rng.choice(numbers)
                data[found.start() : found.end()] = rng.choice(WORDS)
    return bytes(data)


class Target:
    """One reader, what it was tried on, and what went wrong."""

    def __init__(self, folder: Path, name: str):
        from corpus.samples import write_samples

        from mbnb.files import InputError

        self.refusal, self.name, self.folder = InputError, name, folder
        self.place = folder / f"try {name}"
        self.place.mkdir(exist_ok=True)
        self.reader = write_samples(folder)[name]
        self.tried, self.lost = 0, {}

    def __call__(self, raw: bytes) -> None:
        self.tried += 1
        path = self.place / self.name
        path.write_bytes(raw)
        try:
            self.reader(path)
        except self.refusal:
            pass
        except Exception as error:
            said = f"{type(error).__name__}: {str(error)[:100]}"
            if type(error).__name__ not in {one.partition(":")[0] for one in self.lost}:
                kept = f"found {hashlib.sha256(raw).hexdigest()[:8]} {self.name}"
                (self.folder / kept).write_bytes(raw)
                self.lost[said] = kept

    def report(self, how: str) -> None:
        lost = [f"{said} ({kept})" for said, kept in self.lost.items()]
        print(json.dumps({"tried": self.tried, "lost": lost, "note": how}), flush=True)


def main(folder: str, name: str, seconds: str) -> None:
    """Try one reader for some seconds and print what came of it as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    atheris = None
    with contextlib.suppress(ImportError):
        import atheris
    with atheris.instrument_imports(include=["mbnb"]) if atheris else contextlib.nullcontext():
        target = Target(Path(folder), name)
    seed = (Path(folder) / name).read_bytes()
    end, rng = time.monotonic() + float(seconds), random.Random(0)
    if atheris:
        seeds = Path(folder) / f"seeds {name}"
        seeds.mkdir(exist_ok=True)
        (seeds / "sound").write_bytes(seed)

        def one(raw: bytes) -> None:
            if time.monotonic() > end:
                target.report("guided by lines reached")
                os._exit(0)
            target(raw)

        atheris.Setup([sys.argv[0], str(seeds), "-max_len=65536", "-verbosity=0"], one)
        atheris.Fuzz()
    while time.monotonic() < end:
        target(changed(seed, rng))
    target.report("drawn blindly")


if __name__ == "__main__":
    main(*sys.argv[1:])
