"""Discriminant analysis for few clips with many features: a clip goes to the class whose mean lies in the direction nearest to its own.

What differs between clips of one class is taken off as far as it can be, which few clips with many features allow almost wholly
(null-space discriminant analysis: Chen et al., Pattern Recognition 33, 2000). Mirrored clips are classes of their own (Lee et al., ICML 2020).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize

SHRINKAGE = 1e-4  # added to the variance within classes, as a share of a clip's mean square distance from the mean of all
SHARPNESS = 20.0  # of the fall of probability with the cosine
PRIOR, ROUNDS = (
    1.0,
    5,
)  # clips that the mean of a class counts for beside a person's own, and how often those are assigned anew


@dataclass(frozen=True)
class Discriminant:
    """Fitted to clips and their mirror images; K classes were there, `present` (K,), of `classes`. mean (D,) and inverse (D, R) take features to
    the discriminant space, in which the K classes and the K mirrored ones lie in `directions` (2, K, R)."""

    mean: np.ndarray
    inverse: np.ndarray
    directions: np.ndarray
    present: np.ndarray
    classes: int

    def scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of clips and their mirror images (2, N, D) the scores (N, C) of the classes, and (N, C) those of the same clips seen in a
        mirror: cosines with the means, times SHARPNESS. What was not there to be learned gets the lowest."""
        seen = self._look(x)
        return self._all(_cosines(seen, self.directions)), self._all(
            _cosines(seen[::-1], self.directions)
        )

    def scores_by_person(self, x: np.ndarray, people: Sequence[str]) -> np.ndarray:
        """(N, C), where each of `people` (N,) has means of their own: from those of all, towards the person's clips, unlabelled, as far as
        they seem to belong to the class; in ROUNDS rounds (adaptation of Gaussian mixtures to a speaker: Reynolds et al., 2000)."""
        seen, names = self._look(x), np.asarray(people)
        scores = _cosines(seen, self.directions)
        for name in np.unique(names):
            own = seen[:, names == name]
            for _ in range(ROUNDS):
                shares = softmax(scores[names == name], axis=1)  # (n, K)
                means = PRIOR * self.directions + np.einsum("nk,snr->skr", shares, own)
                scores[names == name] = _cosines(
                    own, means / np.linalg.norm(means, axis=2, keepdims=True)
                )
        return self._all(scores)

    def state(self) -> dict:
        """Plain tensors, for a file."""
        return {key: torch.as_tensor(value) for key, value in dataclasses.asdict(self).items()}

    @staticmethod
    def of(state: dict) -> "Discriminant":
        """What `state` gave."""
        return Discriminant(
            **{key: value.numpy() if value.ndim else int(value) for key, value in state.items()}
        )

    def _look(self, x: np.ndarray) -> np.ndarray:
        """Features (2, N, D) -> unit vectors (2, N, R)."""
        return normalize((x.reshape(-1, x.shape[-1]) - self.mean) @ self.inverse).reshape(
            *x.shape[:2], -1
        )  # (2·N, R) -> (2, N, R)

    def _all(self, scores: np.ndarray) -> np.ndarray:
        """(N, K) -> (N, C)."""
        found = np.full((len(scores), self.classes), scores.min(initial=0.0))
        found[:, self.present] = scores
        return found


def _cosines(seen: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Between clips and the means of classes, and their mirror images and those of the mirrored ones, both (2, …, R): the mean of the two, times SHARPNESS."""
    return SHARPNESS * np.einsum("snr,skr->nk", seen, directions) / 2


def fit_discriminant(x: np.ndarray, labels: np.ndarray, classes: int) -> Discriminant:
    """From the features of clips and of their mirror images, (2, N, D), and class ids (N,).

    With S the covariance within classes and M the means of all classes (2·K, D), a clip t has the discriminants t S⁻¹ Mᵀ; in the space
    that they span, two vectors a and b of discriminants have the product a (M S⁻¹ Mᵀ)⁻¹ bᵀ. Ridge regression of M on the deviations
    from the means gives S⁻¹ Mᵀ, whether there are fewer clips than features or more (Woodbury's identity).
    """
    present, own = np.unique(labels, return_inverse=True)
    own = np.concatenate([own, own + len(present)])
    flat = x.reshape(-1, x.shape[-1])  # (2, N, D) -> (2·N, D)
    mean, scale = flat.mean(0), (flat.std(0) + 1e-6) * np.sqrt(flat.shape[1])
    flat = (flat - mean) / scale
    means = np.stack([flat[own == label].mean(0) for label in range(2 * len(present))])  # (2·K, D)
    within = flat - means[own]
    explained = (
        Ridge(alpha=SHRINKAGE * len(flat), fit_intercept=False).fit(within, within @ means.T).coef_
    )  # (2·K, D)
    inverse = (means - explained).T  # (D, 2·K) SHRINKAGE · S⁻¹ Mᵀ
    products = means @ inverse  # (2·K, 2·K)
    sizes, axes = np.linalg.eigh(products)
    axes = (axes / np.sqrt(sizes.clip(1e-30)))[
        :, sizes > 1e-6 * sizes.max()
    ]  # (2·K, R), under which products become those of plain vectors
    return Discriminant(
        mean,
        inverse @ axes / scale[:, None],
        normalize(products @ axes).reshape(2, len(present), -1),
        present,
        classes,
    )
