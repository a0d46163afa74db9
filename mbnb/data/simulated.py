"""Simulated people as a data set on disk, for whoever has none.

They do what the list of the setting `class_table` has, where that list is one that can be
simulated; otherwise they do the document's.
"""

from pathlib import Path

from mbnb import simulate
from mbnb.classes import read_classes
from mbnb.clips import Clips
from mbnb.config import SETTINGS, Config
from mbnb.data.write import write_dataset
from mbnb.files import ROOT, fingerprint


def simulated_table(config: Config) -> str:
    """The class table that the configured simulated people follow."""
    return config.class_table if config.class_table in simulate.SIMULATED else "document"


def simulated_splits(config: Config) -> dict[str, Clips]:
    """The configured simulated people, by split."""
    return simulate.simulate(
        people=config.simulated_people,
        test_people=config.simulated_test_people,
        clips_per_person=config.simulated_clips,
        tail=config.simulated_tail,
        class_table=simulated_table(config),
        skeleton=config.skeleton,
    )


def simulated_folder(config: Config) -> Path:
    """The folder of this configuration's simulated people, made where it is missing."""
    settings = {key: value for key, value in vars(config).items() if key.startswith("simulated_")}
    if (table := simulated_table(config)) != "document":
        settings["class_table"] = table
    if config.skeleton != SETTINGS["skeleton"].default:
        settings["skeleton"] = config.skeleton
    # The simulator's own text is part of the name: another version of it makes other people.
    files = sorted(Path(simulate.__file__).parent.glob("*.py"))
    digest = fingerprint(repr(settings).encode(), *(path.read_bytes() for path in files))
    root = ROOT / "data" / f"simulated-{digest}"
    if not root.exists():
        write_dataset(
            root, simulated_splits(config), read_classes(table), packed=True, simulated=True
        )
    return root
