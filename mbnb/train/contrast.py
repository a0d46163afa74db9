"""The contrastive loss: what shows the same stands together, apart from everything else."""

import torch
from torch import Tensor

TEMPERATURE = 0.1
# MotionBERT's loss of a head that embeds is by this ratio of temperatures greater.
BASE_TEMPERATURE = 0.07


def contrast_losses(vectors: Tensor, same: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """(V,) of unit vectors (V, D); those with equal numbers in `same` (V,) show the same.

    The cross-entropy of finding the others of a vector's kind among all others (SimCLR: Chen et
    al., ICML 2020; with several of a kind SupCon: Khosla et al., NeurIPS 2020). NaN where it is
    the only one of its kind.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    alike = (same[:, None] == same) & ~itself  # (V, V)
    likeness = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    found = likeness.log_softmax(1).masked_fill(~alike, 0.0)
    others = alike.sum(1)
    return (-found.sum(1) / others.clamp_min(1)).masked_fill(others == 0, torch.nan)


def contrast_loss(vectors: Tensor, same: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The mean of `contrast_losses`, without vectors that are the only ones of their kind.

    The original's mean is NaN where there is one such vector.
    """
    losses = contrast_losses(vectors, same, temperature)
    return losses[~losses.isnan()].mean()


def balanced(labels: Tensor, batches: list[int], n_views: int) -> list[Tensor]:
    """Places of clips for batches of such sizes: `n_views` clips of each of some classes, drawn.

    A batch has as many classes as there is room for; one with too few clips repeats them. Once
    all classes were drawn they are drawn again.
    """
    kinds, kind_of = labels.unique(return_inverse=True)
    members = [(kind_of == kind).nonzero()[:, 0] for kind in range(len(kinds))]
    places, left = [], torch.empty(0, dtype=torch.long)
    for size in batches:
        count = max(1, min(size // n_views, len(kinds)))
        if len(left) < count:
            fresh = torch.randperm(len(kinds))
            left = torch.cat([left, fresh[~torch.isin(fresh, left)]])
        chosen, left = left[:count], left[count:]
        drawn = []
        for kind in chosen.tolist():
            rounds = -(-n_views // len(members[kind]))
            order = torch.cat([torch.randperm(len(members[kind])) for _ in range(rounds)])
            drawn.append(members[kind][order[:n_views]])
        places.append(torch.cat(drawn))
    return places
