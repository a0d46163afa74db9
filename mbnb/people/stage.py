"""The people stage: steps fitted once on train, kept in one file, applied in one place.

It stands behind a predictor, which is anything that answers clips by themselves: the network,
random convolutions, the linear model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mbnb.clips import Clips
from mbnb.files import InputError, replacing
from mbnb.people.adapt import Adapt
from mbnb.people.quota import Quota
from mbnb.people.step import Known, Step

# In the order in which they are applied: features first.
STEPS: dict[str, type[Step]] = {"adapt": Adapt, "quota": Quota}


class Predictor(Protocol):
    """What answers clips by themselves; `features` and `classify` only where it has features."""

    def answer(self, clips: Clips) -> np.ndarray:
        """Probabilities (N, C)."""

    def features(self, clips: Clips) -> np.ndarray:
        """(V, N, D) in V views."""

    def classify(self, features: np.ndarray) -> np.ndarray:
        """(V, N, D) -> probabilities (N, C)."""


@dataclass(frozen=True)
class Stage:
    """Fitted steps by name; `fingerprint` tells of which predictor and data."""

    steps: dict[str, Step]
    fingerprint: str = ""

    @staticmethod
    def fit(
        names: Sequence[str],
        predictor: Predictor | None,
        train: Clips,
        classes: int,
        fingerprint: str = "",
    ) -> "Stage":
        """Fit the named steps on the labelled clips of train.

        The predictor, None for a mean of several, looks at them only where a step takes features;
        to the others labels are all that counts. Raises InputError for a step that needs features
        where the predictor has none.
        """
        chosen = {name: step for name, step in STEPS.items() if name in names}
        needy = [name for name, step in chosen.items() if step.takes == "features"]
        if needy and not hasattr(predictor, "features"):
            raise InputError(
                f"setting 'people': {', '.join(needy)} needs features of clips, which dstformer, "
                f"linear and rocket have; nearest, largest and means of runs have none"
            )
        if needy:
            known = look(predictor, train, labels=train.labels)
        else:
            nothing = np.zeros((len(train), classes))
            known = Known(train.subjects, nothing, labels=train.labels)
        fitted = {name: step.fit(known) for name, step in chosen.items()}
        return Stage({name: step for name, step in fitted.items() if step}, fingerprint)

    def answer(self, predictor: Predictor, clips: Known) -> np.ndarray:
        """Probabilities (N, C) of clips that the predictor has looked at, adapted."""
        probabilities, features = clips.probabilities, clips.features
        for step in self.steps.values():
            if step.takes == "features":
                features = step.apply(features, clips)
                probabilities = predictor.classify(features)
            else:
                probabilities = step.apply(probabilities, clips)
        return probabilities

    def save(self, path: Path) -> None:
        """Write all steps to one npz file, whole or not at all."""
        arrays = {
            f"{name}.{key}": value
            for name, step in self.steps.items()
            for key, value in step.state().items()
        }
        with replacing(path) as part, open(part, "wb") as file:
            np.savez(file, fingerprint=np.array(self.fingerprint), **arrays)

    @staticmethod
    def load(path: Path) -> "Stage":
        """What `save` wrote. Raises InputError for anything else."""
        try:
            with np.load(path, allow_pickle=False) as content:
                states: dict[str, dict[str, np.ndarray]] = {}
                for key in content.files:
                    name, _, field = key.partition(".")
                    if field:
                        states.setdefault(name, {})[field] = content[key]
                steps = {name: STEPS[name].of(state) for name, state in states.items()}
                return Stage(steps, str(content["fingerprint"]))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: not a people stage of ours ({error})") from None


def look(predictor: Predictor, clips: Clips, labels: np.ndarray | None = None) -> Known:
    """What a predictor makes of clips, each by itself; features are computed once."""
    if not hasattr(predictor, "features"):
        return Known(clips.subjects, predictor.answer(clips), labels=labels)
    features = predictor.features(clips)
    return Known(clips.subjects, predictor.classify(features), features, labels)
