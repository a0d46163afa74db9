"""What a file of joints from another tool holds, however the tool writes it."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SHARED = 0.9  # of the places are in the picture, where others are beside it


@dataclass(frozen=True)
class PoseFile:
    """P points of some people through T frames, in time.

    layout: the name of the table of points, such as "halpe26", by which `formats.to_h36m` knows
    them, or "" where only `points`, their names, are known. people: by track (T, P, 3), all of one
    T, so that a frame in which somebody was not found is there, as NaN, and so is a point that was
    not found. With `depth` these are x, y, z in metres, else x and y in pixels and a confidence of
    0 to 1. rate: frames a second, size: width and height of the picture in pixels; None where the
    file does not tell. notes: what the reader found out and took for granted, a sentence each.
    doubts: what speaks against the joints, such as that left and right are exchanged. label: the
    class that the file says it shows, and split: the part of a data set that it says it is in.
    """

    layout: str
    points: tuple[str, ...]
    people: dict[str, np.ndarray]
    depth: bool
    rate: float | None = None
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    label: int | None = None
    split: str = ""

    @cached_property
    def shares(self) -> bool:
        """Whether x and y are no pixels, but shares of the width and height of a picture."""
        if self.depth:
            return False
        places = np.concatenate([points[..., :2].ravel() for points in self.people.values()])
        places = places[np.isfinite(places)]
        return bool(len(places) and np.mean((places > 0) & (places < 1)) > SHARED)

    def in_pixels(self, size: tuple[float, float]) -> "PoseFile":
        """The same with pixels of a picture of that width and height in place of shares."""
        people = {who: points * np.float32([*size, 1]) for who, points in self.people.items()}
        notes = (*self.notes, f"of a picture of {size[0]:g} x {size[1]:g} pixels")
        shown = (round(size[0]), round(size[1]))
        return dataclasses.replace(self, people=people, size=shown, notes=notes)
