"""Answers while somebody moves: a model that is fed frame by frame."""

from collections import deque
from collections.abc import Callable

import numpy as np

from mbnb.files import InputError


class Live:
    """What `predict` says of the last `frames` frames, with no frame waited for.

    `predict` takes a clip (T, J, 3), as `zoo.Model.predict` does, and a function around an exported
    file can. What is said is about the window as a whole, so a movement tells once it fills a good
    part of it: that, and the milliseconds of `predict`, is the delay.
    """

    def __init__(self, predict: Callable[[np.ndarray], np.ndarray], frames: int):
        self.predict = predict
        self.poses: deque[np.ndarray] = deque(maxlen=frames)

    def add(self, pose: np.ndarray) -> None:
        """Take the next frame (J, 3); a joint that is NaN stays where it was seen last.

        Raises InputError where it was never seen.
        """
        seen = np.isfinite(pose)
        if not seen.all():
            if not self.poses:
                raise InputError(
                    "the first frame: expected every joint, found some without a place"
                )
            pose = np.where(seen, pose, self.poses[-1])
        self.poses.append(np.asarray(pose, np.float32))

    @property
    def window(self) -> np.ndarray:
        """The last frames (T, J, 3), fewer than asked for while there are no more."""
        return np.stack(self.poses)

    def answer(self) -> np.ndarray | None:
        """(C,) what `predict` says of the window; None until it is full."""
        return self.predict(self.window) if len(self.poses) == self.poses.maxlen else None
