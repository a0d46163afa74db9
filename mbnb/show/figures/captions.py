"""What figures are called, what their captions say, and how both are saved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.files import replacing
from mbnb.scores import score, score_intervals
from mbnb.text import counted, too_few

# What figures show, by the names under which they are saved, in the order of the report.
CAPTIONS = {
    "overview": "The most confused pair of classes, the confusion matrix in blocks of body "
    "regions, and errors by region.",
    "confusion_matrix": "Confusion matrix: rows are true classes, columns predicted ones, in "
    "shares of the true class. Lines separate body regions.",
    "region_matrix": "Confusions between body regions: shares of the true region's clips, and "
    "clips.",
    "error_split": "Errors within a body region and between regions, by the true class' region.",
    "class_profile": "What became of the clips of each class.",
    "worst_pair": "The most confused pair of classes: confused clips, and a recognised clip of "
    "either class; the grey ghost is the first frame.",
    "f1_by_class": "F1 of each class, sorted within its body region.",
    "confidence": "How far confidence can be trusted, and errors over the share of clips that are "
    "answered, the most confident first.",
    "ablation": "What each part of the recipe is worth on people left out of train; bars are 95 % "
    "intervals from resampling people.",
    "right_by_region": "Top-1 on the clips of each body region.",
    "attribution": "What predictions of each body region (rows) rest on: shares of what they lose "
    "without each part of the body (columns). Where both have one name, on the diagonal, the model "
    "looks where the movement is.",
    "deletion": "What is left of the prediction when the most important parts of clips are taken "
    "away, and when parts drawn by chance are.",
    "changes": "Clips that were gained and lost.",
    "motion_of_errors": "How much moves in right and in confused clips: mean speed over all "
    "joints. Boxes hold the middle half of the clips.",
    "curves": "Training: loss, top-1, macro-F1, learning rates, throughput, norms of the "
    "gradients before clipping, and confusions between body regions.",
    "class_counts": "Clips of each class.",
    "people_and_lengths": "Clips of each person, and lengths of clips.",
    "motion_by_class": "What moves in which class: mean speed of each joint.",
    "motion_by_joint": "Mean speed of each joint over clips. Boxes hold the middle half of the "
    "clips.",
    "recovered": "What the encoder sees of people held out, what it makes of that, and how they "
    "moved, from the first to the last frame; what is hidden is left out.",
    "recovered_joints": "Mean error of each joint in poses that the encoder makes good, of windows "
    "seen flat and in depth.",
    "lifted": "Lifted poses above the true ones: the clip with the smallest and that with the "
    "greatest error.",
    "lifted_joints": "MPJPE of each joint, by method.",
    "clips": "A clip a row, from its first to its last frame; the grey ghost is the first frame.",
    "meshes": "Bodies fitted to poses that were lifted from 2D joints, over the pictures.",
    "in_the_wild": "Poses lifted from 2D joints, over the pictures; grey limbs were not found.",
    "converted": "Skeletons found in videos, over their frames.",
    "quality": "Quality of clips: scores from 0 to 1, what lowers them, and how much is seen of "
    "joints.",
    "worst_converted": "The clips of videos with the lowest quality scores, and what lowers them.",
    "worst_clips": "The clips with the lowest quality scores, and what lowers them.",
}
# Figures of trainings of their own, which are not the run's model.
OTHER_TRAININGS = ("ablation", "right_by_region")
# The score in a figure's caption, where that is not top-1.
SCORED = {
    "region_matrix": ("region_top1", "region top-1"),
    "error_split": ("region_top1", "region top-1"),
    "f1_by_class": ("macro_f1", "macro-F1"),
}


def save_figure(figure: Figure, config: Config, name: str, caption: str = "") -> Path:
    """Write a figure to the run's `figures/` and return the path of the PNG file.

    Written are `<name>.png`, `<name>.pdf` (vector, text as text), and the caption as `<name>.txt`
    and into both pictures; each file whole or not at all, and the same for the same figure.
    """
    path = config.folder.figures / f"{name}.png"
    with (
        replacing(path) as png,
        replacing(path.with_suffix(".pdf")) as pdf,
        replacing(path.with_suffix(".txt")) as text,
    ):
        figure.savefig(png, metadata={"Title": name, "Description": caption, "Software": None})
        figure.savefig(pdf, metadata={"Title": name, "Subject": caption, "CreationDate": None})
        text.write_text(caption + "\n" if caption else "", encoding="utf-8")
    return path


@dataclass(frozen=True)
class Captions:
    """Whole captions of figures of a data set, or of an evaluation.

    They say what a figure shows, of which data and split, how many clips and people, and the score
    with its 95 % interval. Called with the name of a figure, and with names of splits where it
    shows no others.
    """

    config: Config
    data: DataSet
    evaluation: Evaluation | None = None

    def __call__(self, name: str, *splits: str) -> str:
        if self.evaluation:
            return self._sentence(name, self._evaluated(name))
        shown = [split for split in splits if split in self.data.splits] or self.data.splits
        counts = [f"{split}, {self._count(self.data.splits[split].subjects)}" for split in shown]
        return self._sentence(name, "; ".join(counts))

    def counted(self, name: str, about: str, clips: int, people: int, epochs: int) -> str:
        """The caption where each of several trainings is scored on its own people.

        about: says who these are. The data's train is what the first of the trainings learned from.
        """
        scored = self._sentence(name, f"{about}, n = {clips} clips of {people} people")
        learned = self._count(self.data.splits["train"].subjects).removeprefix("n = ")
        long = f"for {epochs} epochs " if epochs else ""
        return (
            f"{scored} Each variant is a training of its own {long}on {learned}; none is the model "
            "of the run, whose scores are others."
        )

    def _sentence(self, name: str, counts: str) -> str:
        what = CAPTIONS.get(name, name)
        source = "Simulated people" if self.data.simulated else f"Data set {self.data.root.name}"
        return f"{what} {source}: {counts}."

    def _evaluated(self, name: str) -> str:
        """Split, clips, people and score of the evaluation."""
        split, subjects = self.evaluation.split, self.evaluation.clips.subjects
        train = self.data.splits.get("train") if split != "train" else None
        shared = len(set(subjects) & set(train.subjects)) if train else 0
        also = f", {shared} of whom were also in training" if shared else ""
        score_text = self._score(*SCORED.get(name, ("top1", "top-1")))
        return f"{split}, {self._count(subjects)}{also}; {score_text}"

    def _count(self, subjects: Sequence[str]) -> str:
        clips, people = len(subjects), len(set(subjects))
        known = self.data.known_people
        return f"n = {counted(clips, people) if known else f'{clips} clips of unknown people'}"

    def _score(self, key: str, title: str) -> str:
        subjects = self.evaluation.clips.subjects
        if few := too_few(len(subjects), len(set(subjects))):
            return few
        low, high = self._intervals[key]
        over = "people" if self.data.known_people else "clips, too narrow where people recur"
        interval = (
            "one person only, so no interval"
            if math.isnan(low)
            else f"95 % interval over {over}: {100 * low:.1f} to {100 * high:.1f} %"
        )
        return f"{title} {100 * self._scores[key]:.1f} % ({interval})"

    @cached_property
    def _scores(self) -> dict[str, float]:
        evaluation = self.evaluation
        return score(evaluation.clips.labels, evaluation.probabilities, evaluation.classes)

    @cached_property
    def _intervals(self) -> dict[str, tuple[float, float]]:
        """As in the run's metrics.json."""
        clips = self.evaluation.clips
        return score_intervals(
            clips.labels,
            self.evaluation.probabilities,
            clips.subjects,
            self.evaluation.classes,
            self.config.bootstraps,
            self.config.seed,
        )
