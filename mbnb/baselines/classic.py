"""What a model must beat: a linear model on the averages, ranges and speeds of a clip's coordinates, and the nearest clip
under dynamic time warping (Sakoe and Chiba, 1978)."""

import warnings

import numpy as np
import torch
from dtaidistance import dtw_ndim
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mbnb.clips import Clips
from mbnb.files import InputError
from mbnb.prepare.geometry import at_moments, gather_windows, standardise
from mbnb.skeleton import Skeleton

MOMENTS = 12  # frames at which the positions of the outer joints are features
COMPONENTS = 120
WARPED = 24  # frames of the clips that are warped onto each other
BAND = 5  # by how many of them a moment may be shifted
SHARPNESS = 10.0  # of the fall of probability with the distance, in median distances
PAIRS = 4_000_000  # of clips, beyond which comparing all takes hours


def features(clip: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) -> one vector: of every standardised coordinate relative to the pelvis the mean, deviation, range and mean
    absolute speed, and at evenly spaced moments the outer joints, which are those without a child and their parents."""
    pose = standardise(
        torch.as_tensor(clip, dtype=torch.float32), torch.tensor([len(clip)]), skeleton
    )
    pose = torch.cat(
        [
            pose[:, skeleton.root : skeleton.root + 1],
            pose - pose[:, skeleton.root : skeleton.root + 1],
        ],
        dim=1,
    )
    ends = set(range(len(skeleton))) - set(skeleton.parents)
    outer = sorted(ends | {skeleton.parents[joint] for joint in ends})
    moments = gather_windows(
        pose[:, 1:][:, outer],
        torch.zeros(1, dtype=torch.float64),
        torch.tensor([len(pose) - 1.0], dtype=torch.float64),
        MOMENTS,
    )[0]
    flat = pose.flatten(1)  # (T, J + 1, 3) -> (T, 3·J + 3)
    speed = flat.diff(dim=0).abs().mean(0)
    return torch.cat(
        [flat.mean(0), flat.std(0), flat.amax(0) - flat.amin(0), speed, moments.flatten()]
    ).numpy()


def largest(train: Clips, test: Clips, skeleton: Skeleton, classes: int) -> np.ndarray:
    """Probabilities (N, C) for `test` that are the shares of the classes in `train`: what knows the answers and looks at no clip."""
    return np.tile(np.bincount(train.labels, minlength=classes) / len(train), (len(test), 1))


def linear(
    train: Clips, test: Clips, skeleton: Skeleton, classes: int, seed: int = 0
) -> np.ndarray:
    """Probabilities (N, C) for `test` of logistic regression on principal components, fitted to `train`."""
    if len(np.unique(train.labels)) < 2:
        return largest(train, test, skeleton, classes)
    x, x_test = (np.stack([features(clip, skeleton) for clip in clips]) for clips in (train, test))
    reduce = PCA(min(COMPONENTS, len(x) // 2), random_state=seed)
    model = make_pipeline(StandardScaler(), reduce, LogisticRegression(C=0.03, max_iter=1000))
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The number of unique classes", UserWarning
        )  # few clips a class are common here
        model.fit(x, train.labels)
    probabilities = np.zeros((len(x_test), classes))
    probabilities[:, model.classes_] = model.predict_proba(x_test)
    return probabilities


def nearest(train: Clips, test: Clips, skeleton: Skeleton, classes: int) -> np.ndarray:
    """Probabilities (N, C) for `test` that fall with the distance to the nearest clip of each class in `train`, by dynamic time
    warping of standardised poses, multivariate over all joints. Raises InputError where comparing all pairs would take hours."""
    if len(train) * len(test) > PAIRS:
        raise InputError(
            f"setting 'method': nearest compares all pairs of clips, and {len(train)} by {len(test)} are too many; at most {PAIRS:,} pairs"
        )
    series = []
    for clips in (train, test):
        windows = at_moments(
            torch.as_tensor(clips.gather()), torch.as_tensor(clips.lengths), skeleton, WARPED
        )
        series += list(
            windows.flatten(2).double().numpy()
        )  # (N, WARPED, J, 3) -> N of (WARPED, J·3)
    block = ((0, len(train)), (len(train), len(series)))
    distance = dtw_ndim.distance_matrix_fast(series, window=BAND, block=block)[
        : len(train), len(train) :
    ]  # (train, test)
    of_class = np.full((len(test), classes), np.inf)
    for label in np.unique(train.labels):
        of_class[:, label] = distance[train.labels == label].min(0)
    return softmax(-SHARPNESS * of_class / np.median(of_class[np.isfinite(of_class)]), axis=1)


METHODS = {"largest": largest, "linear": linear, "nearest": nearest}
