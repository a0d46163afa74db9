"""What a predictor gets right and wrong: predictions, and errors by class and body region."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.evaluate.tables import prediction_table
from mbnb.files import InputError
from mbnb.prepare.geometry import motion_energy
from mbnb.scores.metrics import confusion, f1_per_class, hits


@dataclass(frozen=True)
class Evaluation:
    """Predictions for the N clips of one labelled split, each clip judged by itself.

    probabilities: (N, C). regions: (N, R), where a head of its own tells them.
    adapted: (N, C), what the `steps` of the people stage made of the probabilities, where there
    are any; it stands beside them, never in their place.
    """

    split: str
    clips: Clips
    classes: ClassTable
    probabilities: np.ndarray
    regions: np.ndarray | None = None
    adapted: np.ndarray | None = None
    steps: tuple[str, ...] = ()

    @cached_property
    def predictions(self) -> np.ndarray:
        """(N,) class ids."""
        return self.probabilities.argmax(1)

    @cached_property
    def correct(self) -> np.ndarray:
        """(N,) bool."""
        return self.predictions == self.clips.labels

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C, C) counts, true class by predicted class, in the order of the class ids."""
        return confusion(self.clips.labels, self.predictions, len(self.classes))

    @cached_property
    def wrong(self) -> np.ndarray:
        """(C, C) the same without the right answers on the diagonal."""
        return self.confusion - np.diag(self.confusion.diagonal())

    @cached_property
    def region_confusion(self) -> pd.DataFrame:
        """Counts by region, true by predicted."""
        ids = np.array(self.classes.region_ids)
        names = self.classes.region_names
        return pd.DataFrame(
            confusion(ids[self.clips.labels], ids[self.predictions], len(names)),
            index=names,
            columns=names,
        )

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """A row a class: what it is, its scores, and what became of its clips.

        Code, name, region, support, precision, recall, f1; as counts right, wrong within the
        region, wrong in another region; and the class it is most often taken for.
        """
        matrix, ids = self.confusion, np.array(self.classes.region_ids)
        true, predicted, right = matrix.sum(1), matrix.sum(0), matrix.diagonal()
        wrong = self.wrong
        within = (wrong * (ids[:, None] == ids)).sum(1)
        share = {"precision": (right, predicted), "recall": (right, true)}
        shares = {
            key: np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
            for key, (a, b) in share.items()
        }
        taken_for = [self.classes.titles[row.argmax()] if row.any() else "" for row in wrong]
        return pd.DataFrame(
            {
                "code": self.classes.codes,
                "name": self.classes.names,
                "region": self.classes.regions,
                "support": true,
                **shares,
                "f1": f1_per_class(matrix),
                "right": right,
                "wrong within region": within,
                "wrong other region": wrong.sum(1) - within,
                "most often taken for": taken_for,
            }
        )

    def worst_pairs(self, count: int = 10) -> pd.DataFrame:
        """The most frequent confusions, a row each.

        True and predicted class (ids and titles), clips, their share of the true class, and whether
        both classes are of the same region.
        """
        wrong = self.wrong
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        rows = [divmod(int(i), len(self.classes)) for i in order if wrong.flat[i] > 0]
        classes, (true, predicted) = self.classes, np.array(rows, int).reshape(-1, 2).T
        counts = wrong[true, predicted]
        return pd.DataFrame(
            {
                "true_id": true,
                "predicted_id": predicted,
                "true": [classes.titles[i] for i in true],
                "predicted": [classes.titles[i] for i in predicted],
                "clips": counts,
                "share": counts / self.confusion.sum(1)[true],
                "same region": [classes.regions[a] == classes.regions[b] for a, b in rows],
            }
        )

    def clips_of(self, true: int, predicted: int) -> np.ndarray:
        """Places of the clips of class `true` that were taken for `predicted`, surest first."""
        places = np.flatnonzero((self.clips.labels == true) & (self.predictions == predicted))
        return places[np.argsort(-self.probabilities[places, predicted], kind="stable")]

    def take(self, indices: np.ndarray) -> "Evaluation":
        """That of the clips at `indices` alone, in that order."""
        arrays = ("probabilities", "regions", "adapted")
        rows = {key: getattr(self, key) for key in arrays}
        rows = {key: None if array is None else array[indices] for key, array in rows.items()}
        return replace(self, clips=self.clips.take(indices), **rows)

    def places_in(self, other: "Evaluation") -> np.ndarray:
        """(N,) where each clip stands in another evaluation.

        Raises InputError where that has other clips.
        """
        place = {name: i for i, name in enumerate(other.clips.names)}
        if place.keys() != set(self.clips.names):
            same = len(place.keys() & set(self.clips.names))
            raise InputError(
                f"expected two evaluations of the same clips, found {len(self.clips)} and "
                f"{len(other.clips)}, of which {same} are the same"
            )
        return np.array([place[name] for name in self.clips.names])

    @cached_property
    def errors_by_region(self) -> pd.DataFrame:
        """Per true region: clips, right, wrong within the region, wrong in another region."""
        columns = ["right", "wrong within region", "wrong other region"]
        table = self.per_class.groupby("region", sort=False)[["support", *columns]].sum()
        return table.rename(columns={"support": "clips"})

    def motion_of_errors(self, fps: float) -> pd.DataFrame:
        """A row a clip: region, outcome, and its mean speed over the joints in cm/s."""
        speed = motion_energy(self.clips, fps).mean(1) * 100
        return pd.DataFrame(
            {
                "region": np.array(self.classes.regions)[self.clips.labels],
                "speed": speed,
                "outcome": np.where(self.correct, "right", "confused"),
            }
        )

    def table(self, adapted: bool = False, remarks: Sequence[str] | None = None) -> pd.DataFrame:
        """A row a clip as in `prediction_table`, and what is true: true, correct, in_top5.

        Of what the people stage made of them with `adapted`; with a column for `remarks`.
        """
        labels = self.clips.labels
        probabilities = self.adapted if adapted else self.probabilities
        regions = None if adapted else self.regions
        table = prediction_table(
            self.clips.names,
            self.classes,
            probabilities,
            regions,
            subjects=self.clips.subjects,
            remarks=remarks,
        )
        after = table.columns.get_loc("sure") + 1
        table.insert(after, "in_top5", hits(labels, probabilities, 5))
        table.insert(after, "correct", probabilities.argmax(1) == labels)
        table.insert(2, "true", [self.classes.codes[i] for i in labels])
        return table
