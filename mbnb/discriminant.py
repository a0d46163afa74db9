"""Discriminant analysis for few clips with many features: a clip goes to the class whose mean lies in the direction nearest to its own.

What differs between clips of one class is taken off as far as it can be, which few clips with many features allow almost wholly
(null-space discriminant analysis: Chen et al., Pattern Recognition 33, 2000). Mirrored clips are classes of their own (Lee et al., ICML 2020).
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

SHRINKAGE = 1e-4  # added to the variance within classes, as a share of a clip's mean square distance from the mean of all
SHARPNESS = 20.0  # of the fall of probability with the cosine


@dataclass(frozen=True)
class Discriminant:
    """Fitted to clips and their mirror images; K classes were there, each twice. mean, scale (D,) standardise features; inverse (D, 2·K)
    takes them to the discriminants, which have the products `metric` (2·K, 2·K) and in which the classes' means have `lengths` (2·K,)."""

    mean: np.ndarray
    scale: np.ndarray
    inverse: np.ndarray
    metric: np.ndarray
    lengths: np.ndarray
    present: np.ndarray
    classes: int

    def scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of clips and their mirror images (2, N, D) the scores (N, C) of the classes, and (N, C) those of the same clips seen in a
        mirror: cosines with the means, times SHARPNESS. What was not there to be learned gets the lowest."""
        flat = (x.reshape(-1, x.shape[-1]) - self.mean) / self.scale  # (2, N, D) -> (2·N, D)
        discriminants = flat @ self.inverse  # (2·N, 2·K)
        lengths = np.sqrt(((discriminants @ self.metric) * discriminants).sum(1).clip(1e-12))
        as_is, mirrored = np.split(discriminants / lengths[:, None] / self.lengths, 2)
        found = []
        for own, other in ((as_is, mirrored), (mirrored, as_is)):
            cosines = SHARPNESS * (own[:, :len(self.present)] + other[:, len(self.present):]) / 2
            found.append(np.full((len(cosines), self.classes), cosines.min(initial=0.0)))
            found[-1][:, self.present] = cosines
        return tuple(found)


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
    explained = Ridge(alpha=SHRINKAGE * len(flat), fit_intercept=False).fit(within, within @ means.T).coef_  # (2·K, D)
    inverse = (means - explained).T  # SHRINKAGE · S⁻¹ Mᵀ
    products = means @ inverse  # (2·K, 2·K)
    return Discriminant(mean, scale, inverse, np.linalg.pinv(products, rcond=1e-6, hermitian=True), np.sqrt(products.diagonal().clip(1e-12)), present, classes)
