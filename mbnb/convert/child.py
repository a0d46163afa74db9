"""A process of its own for what may crash, and what that leaves of the one that started it.

Decoders and networks are other people's C++, and systems kill what takes too much memory. So each
worker has a child that does the work: a child that dies costs its one source. Whoever started it
may be a thread here, or a worker of a cluster, whose tasks must not kill it. The child ends by
itself, after the source in hand, when that one has died.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from mbnb.text import listed

MOST_TASKS = 500  # of one child, so that what libraries never give back does not add up
_own = threading.local()
_children: set["Child"] = set()


class Died(Exception):
    """A child is gone; the message says how."""


class Stopped(Exception):
    """A child was ended in the middle of its work by whoever started it."""


class Child:
    """A process that calls functions of importable modules, one at a time."""

    def __init__(self):
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        # A core each; what they print is for the eyes, and Ctrl-C is for whoever started them.
        environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        self.tasks, self.stopped = 0, False
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            start_new_session=True,
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns; raises what it raises; Died, Stopped where it ends."""
        self.tasks += 1
        try:
            pickle.dump((function, arguments), self.process.stdin)
            self.process.stdin.flush()
            error, answer = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.process.kill()
            code = self.process.wait()
            raise (Stopped() if self.stopped else Died(_how(code))) from None
        if error is not None:
            raise error
        return answer

    def stop(self, now: bool = False) -> None:
        """End it, after what it is doing unless `now`."""
        self.stopped = True
        if now:
            self.process.kill()
        with contextlib.suppress(OSError):  # what is not sent yet, to one that is gone
            self.process.stdin.close()
        self.process.wait()


def _how(code: int) -> str:
    if os.name == "posix" and code == -signal.SIGKILL:
        return "the process that read it was killed, as systems do when memory runs out"
    name = listed([s.name for s in signal.Signals if s == -code]) or f"code {code}"
    return f"the process that read it crashed ({name})"


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in the child of this thread, which is started if there is none."""
    child = getattr(_own, "child", None)
    if child is None or child.stopped or child.process.poll() is not None:
        child = _own.child = Child()
        _children.add(child)
    try:
        return child.call(function, *arguments)
    finally:
        if child.tasks >= MOST_TASKS or child.process.poll() is not None:
            _children.discard(child)
            child.stop()


def stop_children(now: bool = False) -> None:
    """End all children of this process."""
    for child in list(_children):
        _children.discard(child)
        child.stop(now)


def serve() -> None:
    """What a child does: tasks come as pickles, and so do answers go, until nobody asks."""
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed here is no answer
    while True:
        try:
            function, arguments = pickle.load(asked)
        except EOFError:
            return
        try:
            answer = None, function(*arguments)
        except Exception as error:
            answer = error, None
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)
