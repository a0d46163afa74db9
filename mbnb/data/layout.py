"""The documented layout: where each file of a data set lies. `data/README.md` describes it."""

import shlex
from pathlib import Path

from mbnb.clips import SPLITS
from mbnb.runs import RunFolder
from mbnb.text import VIDEO_ENDINGS


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

    def flat_pose(self, split: str, name: str) -> Path:
        """(T, J, 2 or 3) of one clip without depth, in place of `pose`: x, y and a confidence."""
        return self.root / split / name / "pose_2d.npy"

    def packed(self, split: str) -> Path:
        """One file in place of the folder: frames, offsets and clip_names of all clips."""
        return self.root / f"{split}.npz"

    def there(self) -> list[str]:
        """The splits that there are, whatever is in them."""
        return [s for s in SPLITS if self.split(s).is_dir() or self.packed(s).is_file()]

    def passed_over(self) -> list[str]:
        """Folders that hold clips and are called like no split, such as `validation`."""
        folders = self.root.iterdir() if self.root.is_dir() else ()
        return sorted(
            folder.name
            for folder in folders
            if folder.name.casefold() not in SPLITS and next(folder.glob("*/pose_3d.npy"), None)
        )

    def mistaken_for(self) -> str:
        """What a folder without clips in splits is instead, and what to do; '' where it has them.

        '' as well where nobody can tell.
        """
        root = self.root
        videos = shlex.quote(str(root.parent if root.is_file() else root))
        parts = [root, *(self.split(s) for s in self.there() if self.split(s).is_dir())]
        if any(self.packed(s).is_file() for s in SPLITS) or any(
            path.is_dir() for part in parts[1:] for path in part.iterdir()
        ):
            return ""
        files = [root] if root.is_file() else []
        files += [path for part in parts if part.is_dir() for path in part.iterdir()]
        if any(path.suffix.lower() in VIDEO_ENDINGS for path in files):
            return (
                f"videos, no clips; make some of them with `python -m mbnb run 02 -p run NAME "
                f"-p videos {videos}`, and give outputs/NAME/converted in its place"
            )
        if (converted := RunFolder(root).converted).is_dir():
            return f"the folder of a run; its clips are in {converted}"
        if next(root.glob("*/pose_3d.npy"), None):
            return (
                f"clips that are in no split; move them to {root / 'train'}, or to "
                f"{root / 'test'} if nobody knows their classes"
            )
        inside = [path for path in sorted(root.glob("*/")) if DataFolder(path).there()]
        if not parts[1:] and len(inside) == 1:
            return f"the data set is in the folder {inside[0].name} inside it: {inside[0]}"
        return ""
