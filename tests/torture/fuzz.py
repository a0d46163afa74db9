"""Readers on bytes that nobody thought of: sound files, changed at random, for some time.

`atheris` (extra `torture`) chooses changes by which lines of the readers they reach; without it
they are drawn blindly. What a reader may do is return or raise an InputError of a few lines, within
seconds and a gigabyte, without starting anything. Whatever else it does is kept as a file, to
become a case of tests/corpus. Each reader runs in a process of its own.
"""

import contextlib
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from torture.outcome import Outcome

MEMORY = 1 << 30  # bytes more than what is there when everything is imported
SECONDS = 10  # for one input
LONGEST = 2100  # letters of a line of what is said
STARTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")


def fuzz(folder: Path, seconds: float, names: tuple[str, ...] = ()) -> Iterator[Outcome]:
    """Every reader for its share of `seconds`, two at once; what went wrong is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "torture.fuzz", str(folder), str(seconds), *names]
    tests = Path(__file__).parents[1]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tests.parent, tests)))}
    pipes = {"stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=env, **pipes) as process:
        for line in process.stdout:
            if line.startswith("{"):
                told = json.loads(line)
                outcome = Outcome(f"fuzzing {told['name']}", told["tried"], lost=told["lost"])
                outcome.survived = outcome.tried - len(outcome.lost)
                outcome.note = "; ".join([told["note"], *outcome.lost[:3]])
                yield outcome
    if process.returncode:
        yield Outcome("fuzzing", 1, 0, [f"it ended with {process.returncode}"])


class Target:
    """One reader, what it was tried on, and what went wrong."""

    def __init__(self, folder: Path, name: str, reader: Callable[[Path], object]):
        from mbnb.files import InputError

        self.refusal, self.name, self.folder, self.reader = InputError, name, folder, reader
        self.place = folder / f"try {name}"
        self.place.mkdir(exist_ok=True)
        self.path = self.place / name
        self.tried, self.lost, self.unclear, self.started = 0, {}, {}, ""
        signal.signal(signal.SIGALRM, self._too_long)
        sys.addaudithook(self._heard)

    def __call__(self, raw: bytes) -> None:
        """Read these bytes, and note what was wrong with that."""
        self.tried += 1
        self.path.write_bytes(raw)
        self.started = ""
        signal.alarm(SECONDS)
        try:
            self.reader(self.path)
        except self.refusal as error:
            self._judge(str(error), raw)
        except Exception as error:
            where = self._where(error)
            self._keep(f"{type(error).__name__} {where}", str(error), raw, self.lost)
        finally:
            signal.alarm(0)
        if self.started:
            self._keep("started", self.started, raw, self.lost)

    def _judge(self, said: str, raw: bytes) -> None:
        if max(map(len, said.split("\n"))) > LONGEST:
            self._keep("too long a message", said, raw, self.lost)
        if "MemoryError" in said or "Unable to allocate" in said or "TooLong" in said:
            self._keep("memory or time", said, raw, self.lost)
        if "Error: " in said.splitlines()[0]:
            self._keep("unclear " + said.rpartition("Error: ")[0][-16:], said, raw, self.unclear)

    def _keep(self, what: str, said: str, raw: bytes, where: dict[str, str]) -> None:
        if what not in where:
            kept = f"found {hashlib.sha256(raw).hexdigest()[:8]} {self.name}"
            (self.folder / kept).write_bytes(raw)
            where[what] = f"{said[:150]} ({kept})"

    def _where(self, error: BaseException) -> str:
        """The last line of ours that an error came through."""
        found, trace = "", error.__traceback__
        while trace:
            name = trace.tb_frame.f_code.co_filename
            if "/mbnb/" in name or "/corpus/" in name:
                found = f"{Path(name).name}:{trace.tb_lineno}"
            trace = trace.tb_next
        return found

    def _too_long(self, number: int, frame: object) -> None:
        raise RuntimeError(f"TooLong: more than {SECONDS} seconds")

    def _heard(self, event: str, arguments: tuple) -> None:
        if event in STARTS:
            self.started = f"{event} {arguments[:1]}"

    def told(self, how: str) -> dict:
        """What came of it, as JSON has it."""
        lost = [f"{what}: {said}" for what, said in self.lost.items()]
        unclear = [f"{what}: {said}" for what, said in self.unclear.items()]
        (self.folder / f"unclear {self.name}.txt").write_text("\n".join(unclear))
        return {"name": self.name, "tried": self.tried, "lost": lost, "note": how}


def try_out(target: Target, seeds: list[bytes], seconds: float, atheris) -> None:
    """Try one reader for some seconds, then write what came of it and end this process."""
    from torture.mutate import changed

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    end = time.monotonic() + seconds
    result = target.folder / f"result {target.name}"

    def one(raw: bytes) -> None:
        if time.monotonic() > end:
            result.write_text(json.dumps(target.told("guided by lines reached")))
            os._exit(0)
        target(raw)

    if atheris:
        place = target.folder / f"seeds {target.name}"
        place.mkdir(exist_ok=True)
        for i, seed in enumerate(seeds):
            (place / f"seed {i}").write_bytes(seed)

        def mutated(raw: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            made = (
                changed(raw or seeds[0], rng) if rng.random() < 0.7 else atheris.Mutate(raw, most)
            )
            return made[:most]

        options = ["fuzz", str(place), "-max_len=200000", "-verbosity=0", "-rss_limit_mb=0"]
        atheris.Setup([*options, "-timeout=0"], one, custom_mutator=mutated)
        atheris.Fuzz()
    rng, pool = random.Random(0), list(seeds)
    while time.monotonic() < end:
        raw = changed(rng.choice(pool), rng)
        target(raw)
        if rng.random() < 0.05:  # changes upon changes
            pool = [*seeds, raw, *pool[len(seeds) : len(seeds) + 50]]
    result.write_text(json.dumps(target.told("drawn blindly")))
    os._exit(0)


def seeds_of(path: Path) -> list[bytes]:
    """The sound file, and what tests/corpus knows to be damaged of its kind."""
    from corpus import faults

    raw, seeds = path.read_bytes(), [path.read_bytes()]
    kinds = faults.DAMAGE | (faults.OF_TEXT if path.suffix in faults.TEXTUAL else {})
    for damage in kinds.values():
        with contextlib.suppress(Exception):
            made = damage(raw)
            seeds += [made] if 0 < len(made) < 100_000 else []
    if path.suffix in (".pkl", ".pt"):
        seeds += faults.PICKLES.values()
    if path.suffix == ".yaml":
        seeds += [text.encode() for text in faults.YAML.values() if len(text) < 10_000]
    return seeds


def main(folder: str, seconds: str, *names: str) -> None:
    """Try all readers, or these, two at once; print what came of each as JSON."""
    atheris = None
    with contextlib.suppress(ImportError):
        import atheris
    with atheris.instrument_imports(include=["mbnb"]) if atheris else contextlib.nullcontext():
        from corpus.ours import write_all
    importlib.import_module(
        "av"
    )  # an alarm that cuts a reader's import would leave half of it for the others
    place = Path(folder)
    readers = write_all(place)
    chosen = [name for name in readers if not names or name in names]
    workers = os.cpu_count() or 1
    share, running = float(seconds) * min(workers, len(chosen)) / len(chosen), {}
    waiting = list(chosen)
    while waiting or running:
        while waiting and len(running) < workers:
            name = waiting.pop(0)
            child = os.fork()
            if child == 0:
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, 1)
                os.dup2(silence, 2)
                target = Target(place, name, readers[name])
                try_out(target, seeds_of(place / name), share, atheris)
                os._exit(1)
            running[child] = name
        child, status = os.wait()
        print(json.dumps(_result(place, running.pop(child), status)), flush=True)


def _result(place: Path, name: str, status: int) -> dict:
    """What a process wrote of its reader; where it wrote nothing, what it died of is kept."""
    result = place / f"result {name}"
    if result.exists():
        return json.loads(result.read_text())
    tried = place / f"try {name}" / name
    if tried.exists():
        shutil.copyfile(tried, place / f"found crash {name}")
    code = os.waitstatus_to_exitcode(status)
    return {"name": name, "tried": 1, "lost": [f"the process ended with {code}"], "note": ""}


if __name__ == "__main__":
    main(*sys.argv[1:])
