"""What goes wrong in a training, noticed and said: losses, memory, answers that are all alike."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.files import InputError
from mbnb.text import listed

RECENT = 20  # steps over which a loss is far too high before it has exploded
LOOKED_AT = 32  # steps at a time, at least so many as pass between two looks
EXPLODED = 10.0  # times the loss of the very first step
SOME = 5  # clips that are named
FAR = 1e3  # metres from the camera, where nobody can be who was recorded
# A share of the answers in one class that tells nothing of most clips, where the true share is
# below this share of it.
COLLAPSED, TRUE_SHARE = 0.9, 0.75


def check_losses(
    losses: Tensor,
    first: float,
    where: tuple[int, int],
    clips_in: Callable[[int], list[str]],
    data: DataSet,
    config: Config,
) -> None:
    """Raise InputError where the last losses (steps,) of an epoch have gone wrong.

    One is no number, or they are far above the training's `first`. `where` they stand is their
    epoch and the steps of it before them. It says at which step and clips, and how to go on from
    the last point, which was written before.
    """
    epoch, before = where
    broken = (~losses.isfinite()).nonzero()[:, 0].tolist()
    recent = losses[-RECENT:]
    if broken:
        step, what = broken[0], f"the loss became {losses[broken[0]].item()}"
    elif len(recent) == RECENT and recent.mean() > EXPLODED * max(first, 1e-3):
        step = len(losses) - RECENT + int(recent.argmax())
        what = f"the loss exploded from {first:.3g} to {recent.mean().item():.3g}"
    else:
        return
    names = list(dict.fromkeys(clips_in(before + step)))
    raise InputError(
        f"{what} in step {before + step + 1} of epoch {epoch}, at {listed(names, SOME)}: "
        f"{_cause(names, data)}. Nothing of it was written: lower lr_backbone and lr_head, or go "
        f"on from the last point at a lower rate with the same command and "
        f"-p lr_factor {config.lr_factor / 4:g}"
    )


def _cause(names: list[str], data: DataSet) -> str:
    """Whether the clips of a step are to blame, or the size of the steps before."""
    train = data.splits["train"]
    places = {name: place for place, name in enumerate(train.names)}
    odd = [
        name
        for name in names
        if name in places and not (np.abs(train[places[name]]) < FAR).all()  # NaN is not less
    ]
    if odd:
        return f"joints of {listed(odd, SOME)} are no numbers, or further than {FAR:g} m away"
    return "all joints of these clips are fine, so the steps before were too large"


@contextlib.contextmanager
def memory_is_full(config: Config, device: torch.device) -> Iterator[None]:
    """Say what to do where the block needs more memory than there is. Raises InputError."""
    try:
        yield
    except RuntimeError as error:
        is_cpu = "not enough memory" in str(error) or "can't allocate memory" in str(error)
        if not (isinstance(error, torch.OutOfMemoryError) or is_cpu):
            raise
        raise InputError(
            f"the memory of {device} is full in a batch of {config.batch_size} clips ({error}). "
            f"Repeat the command with -p accumulate {2 * config.accumulate}: the steps stay the "
            f"same, each batch is computed in parts that take less memory, and the training goes "
            f"on from its last point"
        ) from error


def answers_alike(labels: np.ndarray, answers: np.ndarray, classes: ClassTable) -> list[str]:
    """What is said of class ids (N,) that were answered: nearly all alike, or some never.

    Of classes that are not among the `labels` (N,) nothing is said.
    """
    if not len(labels):
        return []
    said, size = [], len(classes)
    given, true = (np.bincount(ids, minlength=size) / len(labels) for ids in (answers, labels))
    most = int(given.argmax())
    if given[most] >= COLLAPSED and true[most] < TRUE_SHARE * given[most]:
        said.append(
            f"the answers have collapsed: {given[most]:.0%} of them are {classes.codes[most]}, of "
            f"the clips {true[most]:.0%}"
        )
    dead = [classes.codes[i] for i in np.flatnonzero((true > 0) & (given == 0))]
    if dead:
        said.append(
            f"{len(dead)} of {int((true > 0).sum())} classes are never answered: {listed(dead)}"
        )
    return said
