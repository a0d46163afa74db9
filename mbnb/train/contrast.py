"""The contrastive loss: what shows the same stands together, apart from everything else."""

import torch
from torch import Tensor

TEMPERATURE = 0.1


def contrast_loss(vectors: Tensor, same: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Of unit vectors (V, D), of which those with equal numbers in `same` (V,) show the same.

    The mean over vectors of the cross-entropy of finding the others of its kind among all others
    (SimCLR: Chen et al., ICML 2020; with several of a kind SupCon: Khosla et al., NeurIPS 2020).
    Vectors that are the only ones of their kind are left out.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    alike = (same[:, None] == same) & ~itself  # (V, V)
    likeness = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    found = likeness.log_softmax(1).masked_fill(~alike, 0.0)
    others = alike.sum(1)
    return -(found.sum(1) / others.clamp_min(1))[others > 0].mean()
