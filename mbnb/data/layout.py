"""The documented layout: where each file of a data set lies. `data/README.md` describes it."""

from pathlib import Path


class DataFolder:
    """The files of the data set in `root`; nothing needs to be there."""

    def __init__(self, root: Path):
        self.root = root
        self.classes = root / "classes.csv"
        self.subjects = root / "subjects.csv"
        self.simulated = root / "simulated.txt"  # a data set with this file was not recorded

    def labels(self, split: str) -> Path:
        """`name id` a line."""
        return self.root / f"{split}_labels.txt"

    def split(self, split: str) -> Path:
        """A folder of folders, one for each clip."""
        return self.root / split

    def pose(self, split: str, name: str) -> Path:
        """(T, J, 3) of one clip."""
        return self.root / split / name / "pose_3d.npy"

    def packed(self, split: str) -> Path:
        """One file in place of the folder: frames, offsets and clip_names of all clips."""
        return self.root / f"{split}.npz"
