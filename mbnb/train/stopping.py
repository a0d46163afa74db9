"""Being asked to stop: by Ctrl-C, by a cluster that wants its machine back, by `kill`.

A training stops after the step that it is in, when it has written where it goes on. Then the signal
does what it would have done. Asked a second time by the same signal, it does so at once.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGBREAK")
    if hasattr(signal, name)
]


class Stopped(Exception):
    """A training was asked to stop, and has written where it goes on."""


class Wish:
    """Whether somebody asked to stop, by which signal; 0 before."""

    def __init__(self) -> None:
        self.signal = 0
        self.before: dict[int, object] = {}

    def let_go(self) -> None:
        """Let signals do what they did before."""
        for number, before in self.before.items():
            signal.signal(number, before)

    def __call__(self, number: int, frame: object) -> None:
        self.signal = number
        signal.signal(number, self.before[number])
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        print(
            f"\n{name}: stopping after this step, when it is written where to go on "
            f"({name} again: at once)",
            file=sys.stderr,
        )


@contextlib.contextmanager
def stoppable() -> Iterator[Wish]:
    """Yield what notes that somebody asks to stop, and after `Stopped` do what was asked."""
    wish = Wish()
    # Only a process's main thread may say what signals do.
    numbers = SIGNALS if threading.current_thread() is threading.main_thread() else []
    try:
        for number in numbers:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):  # as nohup leaves them
                wish.before[number] = before
                signal.signal(number, wish)
        yield wish
    finally:
        wish.let_go()
