"""For the notebook: interviews of simulated people as a file, and pieces of what was found."""

from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.coding import write_coding
from mbnb.detect.tool import Detected
from mbnb.files import replacing
from mbnb.simulate.interview import simulate_interview

PEOPLE, SECONDS = (3000, 3001), 240.0  # nobody of them is in a training or a comparison
AROUND = 0.5  # seconds before and after a segment


def write_interviews(folder: Path) -> Path:
    """Two interviews as an npz of poses, and what really happens in them as a CSV beside it."""
    interviews = [simulate_interview(number, SECONDS) for number in PEOPLE]
    path = folder / "interviews.npz"
    with replacing(path) as part:
        np.savez_compressed(
            part,
            frames=np.concatenate([one.pose for one in interviews]),
            times=np.concatenate([one.times for one in interviews]),
            offsets=np.cumsum([0, *(len(one.pose) for one in interviews)]),
            clip_names=np.array([one.coding.name for one in interviews]),
            subject=np.array([f"p{number}" for number in PEOPLE]),
        )
    write_coding([one.coding for one in interviews], folder / "interviews.csv")
    return path


def pieces(found: Detected, segments: pd.DataFrame) -> list[np.ndarray]:
    """The poses of some rows of `segments.csv`, (T, J, 3) each, with a little around."""
    with np.load(found.folder.poses) as file:
        frames, times = file["frames"], file["times"]
    spans = zip(segments["start"] - AROUND, segments["end"] + AROUND)
    return [frames[slice(*np.searchsorted(times, span))] for span in spans]
