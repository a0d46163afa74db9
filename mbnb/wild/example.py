"""People for whoever has no video: simulated ones, seen by a camera, with a detector's errors."""

import numpy as np

from mbnb.evaluate.lifting import photograph
from mbnb.simulate import simulate
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import FPS
from mbnb.wild.source import Source

SIZE = (1280, 720)
AWAY = slice(20, 24)  # frames in which the second person was not found


def simulated_source() -> tuple[Source, dict[str, np.ndarray]]:
    """Two people side by side, and how they really moved: (T, 17, 3) from the pelvis, in trunks."""
    clips, skeleton = simulate(2, 2, 1)["test"], load_skeleton()
    frames = int(clips.lengths.min())
    people, truth = {}, {}
    for i, middle in enumerate((0.3, 0.7)):
        pose = np.asarray(clips[i][:frames], np.float32)
        places, true = photograph(pose, clips.names[i], skeleton)
        joints = np.full((frames, 17, 3), 0.9)
        joints[..., :2] = places.numpy() * SIZE[1] / 2 + (middle * SIZE[0], SIZE[1] / 2)
        people[f"person {i + 1}"] = joints
        truth[f"person {i + 1}"] = (true - true[:, skeleton.root, None]).numpy()
    people["person 2"][AWAY] = np.nan
    notes = ("simulated people, seen by a camera and found with a detector's errors",)
    return Source(people, FPS, SIZE, notes=notes), truth
