"""What a model must beat: a linear model on the averages, ranges and speeds of a clip's coordinates."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mbnb.clips import Clips
from mbnb.skeleton import Skeleton
from mbnb.transforms import gather_windows, standardise

MOMENTS = 12  # frames at which the positions of the outer joints are features
COMPONENTS = 120


def features(clip: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) -> one vector: of every standardised coordinate relative to the pelvis the mean, deviation, range and mean
    absolute speed, and at evenly spaced moments the outer joints, which are those without a child and their parents."""
    pose = standardise(torch.as_tensor(clip, dtype=torch.float32), torch.tensor([len(clip)]), skeleton)
    pose = torch.cat([pose[:, skeleton.root:skeleton.root + 1], pose - pose[:, skeleton.root:skeleton.root + 1]], dim=1)
    ends = set(range(len(skeleton))) - set(skeleton.parents)
    outer = sorted(ends | {skeleton.parents[joint] for joint in ends})
    moments = gather_windows(pose[:, 1:][:, outer], torch.zeros(1, dtype=torch.float64), torch.tensor([len(pose) - 1.0], dtype=torch.float64), MOMENTS)[0]
    flat = pose.flatten(1)  # (T, J + 1, 3) -> (T, 3·J + 3)
    speed = flat.diff(dim=0).abs().mean(0)
    return torch.cat([flat.mean(0), flat.std(0), flat.amax(0) - flat.amin(0), speed, moments.flatten()]).numpy()


def linear(train: Clips, test: Clips, skeleton: Skeleton, classes: int, seed: int = 0) -> np.ndarray:
    """Probabilities (N, C) for `test` of logistic regression on principal components, fitted to `train`."""
    x, x_test = (np.stack([features(clip, skeleton) for clip in clips]) for clips in (train, test))
    reduce = PCA(min(COMPONENTS, len(x) // 2), random_state=seed)
    model = make_pipeline(StandardScaler(), reduce, LogisticRegression(C=0.03, max_iter=1000)).fit(x, train.labels)
    probabilities = np.zeros((len(x_test), classes))
    probabilities[:, model.classes_] = model.predict_proba(x_test)
    return probabilities
