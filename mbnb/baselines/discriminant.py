"""Discriminant analysis for few clips with many features.

What differs between clips of one class is taken off as far as it can be, which few clips with many
features allow almost wholly (null-space discriminant analysis: Chen et al., Pattern Recognition 33,
2000), and logistic regression tells the directions in which the classes are left to lie.
"""

import numpy as np
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.decomposition import KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from mbnb.baselines.linear import fit_model

COMPONENTS = 300  # of the features, at most; more cost time and points on people left out
SHRINKAGE = 0.1  # of the covariance within classes towards that of independent features


def fit_discriminant(
    x: np.ndarray, labels: np.ndarray, before: TransformerMixin | str = "passthrough"
) -> ClassifierMixin:
    """Fit to features (N, D), which `before` sees first, and labels (N,).

    A pipeline of six steps: `before`, three linear ones, unit length, and logistic regression; or
    what always names the only class.
    """
    discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE)
    recurring = len(np.unique(labels)) < len(labels)
    # With a linear kernel it is plain PCA, fast where there are far more features than clips.
    components = KernelPCA(min(COMPONENTS, len(x)), remove_zero_eig=True, random_state=0)
    return fit_model(
        make_pipeline(
            before,
            StandardScaler(),
            components,
            discriminant if recurring else "passthrough",
            Normalizer(),
            LogisticRegression(max_iter=500),
        ),
        x,
        labels,
    )
