"""A run's folder: the name of each file in it, and of each column that several rooms know."""

from collections.abc import Iterable
from pathlib import Path


class RunFolder:
    """Where everything of one run lies; nothing needs to be there yet."""

    def __init__(self, path: Path):
        self.path = path
        # Before training
        self.config = path / "config.yaml"  # every setting
        self.environment = path / "environment.json"  # versions, device, fingerprint of the data
        # Training
        self.checkpoints = path / "checkpoints"
        self.latest = self.checkpoints / "latest.pt"
        self.best = self.checkpoints / "best.pt"
        self.history = path / "history.csv"  # a row an epoch
        self.region_confusion = path / "region_confusion.csv"  # a row an epoch and pair of regions
        self.tensorboard = path / "tensorboard"
        self.processes = path / "processes.yaml"  # settings for processes that share a training
        self.processes_log = path / "processes.log"
        # Evaluation
        self.metrics = path / "metrics.json"
        self.predictions = path / "predictions.csv"  # a row a clip, each clip judged by itself
        self.people = path / "people.npz"  # what the people stage learned from train
        self.people_predictions = path / "people_predictions.csv"  # what it made of them
        self.per_class = path / "per_class.csv"
        self.members = path / "members.json"  # what a mean of several tables is made of
        # What people look at and write
        self.notebooks = path / "notebooks"
        self.figures = path / "figures"
        self.report = path / "report.html"
        self.explorer = path / "explorer.html"
        self.explorer_state = path / "explorer.json"  # what was last looked at
        self.class_pages = path / "classes"
        self.review = path / "review.csv"  # notes on clips
        self.relabelled = path / "relabelled"  # label files made of notes
        self.videos = path / "videos"
        self.converted = path / "converted"
        self.recipes = path / "recipes"  # the runs that 06 compares


def probability_columns(codes: Iterable[str]) -> list[str]:
    """Columns of the probabilities of classes, in every table of predictions."""
    return [f"p_{code}" for code in codes]


def region_columns(names: Iterable[str]) -> list[str]:
    """Columns of the probabilities of regions, where a head of its own tells them."""
    return [f"r_{name}" for name in names]
