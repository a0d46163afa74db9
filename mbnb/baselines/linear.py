"""Logistic regression on the means, ranges and speeds of a clip's coordinates."""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mbnb.clips import Clips
from mbnb.prepare.geometry import gather_windows, standardise
from mbnb.skeleton import Skeleton

MOMENTS = 12  # frames at which the positions of the outer joints are features
COMPONENTS = 120
BEYOND = 5.0  # no feature of a recorded or a simulated clip is farther off


@dataclass(frozen=True)
class Linear:
    """A fitted `model`, which knows some of the C `classes`."""

    skeleton: Skeleton
    model: ClassifierMixin
    classes: int

    @classmethod
    def fit(
        cls, clips: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0
    ) -> Self:
        """From labelled clips, on principal components of their features; fps plays no part."""
        x = all_features(clips, skeleton)
        model = make_pipeline(
            Bounds(),
            StandardScaler(),
            PCA(min(COMPONENTS, len(x) // 2), random_state=seed),
            LogisticRegression(C=0.03, max_iter=1000),
        )
        return cls(skeleton, fit_model(model, x, clips.labels), classes)

    def features(self, clips: Clips) -> np.ndarray:
        """(1, N, D), one view of each clip."""
        return all_features(clips, self.skeleton)[None]

    def classify(self, features: np.ndarray) -> np.ndarray:
        """Features (1, N, D) -> probabilities (N, C)."""
        return probabilities_of(self.model, features[0], self.classes)

    def answer(self, clips: Clips) -> np.ndarray:
        """Probabilities (N, C)."""
        return self.classify(self.features(clips))


class Bounds(TransformerMixin, BaseEstimator):
    """Holds features within what more than a few clips show, before they are standardised.

    A clip that went wrong may be a million times off, and the deviation of a feature with it. A
    bound is BEYOND times as far from the median as all but a hundredth of the clips are, or all
    but two.
    """

    def fit(self, x: np.ndarray, y: object = None) -> Self:
        """From the features (N, D) of clips."""
        self.middle = np.median(x, 0)
        off = np.abs(x - self.middle)
        rest = max(len(x) - max(2, len(x) // 100), len(x) // 2 + 1)
        self.reach = BEYOND * np.partition(off, rest - 1, axis=0)[rest - 1]
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, D)."""
        return np.clip(x, self.middle - self.reach, self.middle + self.reach)


def all_features(clips: Clips, skeleton: Skeleton) -> np.ndarray:
    """(N, D) what `clip_features` says of each clip."""
    return np.stack([clip_features(clip, skeleton) for clip in clips])


def clip_features(clip: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) metres -> (D,) numbers that describe the standardised clip as a whole.

    They are of every coordinate relative to the pelvis the mean, deviation, range and mean absolute
    speed, and at evenly spaced moments the places of the outer joints.
    """
    pose = standardise(
        torch.as_tensor(clip, dtype=torch.float32), torch.tensor([len(clip)]), skeleton
    )
    root = pose[:, skeleton.root : skeleton.root + 1]
    pose = torch.cat([root, pose - root], dim=1)  # (T, J + 1, 3)
    moments = gather_windows(
        pose[:, 1:][:, list(skeleton.outer)],
        torch.zeros(1, dtype=torch.float64),
        torch.tensor([len(pose) - 1.0], dtype=torch.float64),
        MOMENTS,
    )[0]
    flat = pose.flatten(1)  # (T, J + 1, 3) -> (T, 3·J + 3)
    speed = flat.diff(dim=0).abs().mean(0)
    return torch.cat(
        [flat.mean(0), flat.std(0), flat.amax(0) - flat.amin(0), speed, moments.flatten()]
    ).numpy()


def fit_model(model: ClassifierMixin, x: np.ndarray, labels: np.ndarray) -> ClassifierMixin:
    """The model fitted to (N, D) and (N,), or, where there is one class, what always names it."""
    if len(np.unique(labels)) < 2:
        model = DummyClassifier()
    with warnings.catch_warnings():
        # Few clips a class are common here.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        warnings.filterwarnings("ignore", "Only one sample available", UserWarning)
        return model.fit(x, labels)


def probabilities_of(model: ClassifierMixin, x: np.ndarray, classes: int) -> np.ndarray:
    """(N, D) -> probabilities (N, C), 0 for the classes that the model was not fitted to."""
    probabilities = np.zeros((len(x), classes))
    probabilities[:, model.classes_] = model.predict_proba(x)
    return probabilities
