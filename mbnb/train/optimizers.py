"""What moves the weights: AdamW, and Muon for the matrices inside the backbone's blocks.

Muon (Jordan et al. 2024; Liu et al., Muon is Scalable for LLM Training, 2025) moves a matrix by
the nearest one whose directions all count the same. AdamW leaves attention nearly even for long
where a backbone is narrow, so that joints hardly learn from each other.
"""

from typing import Any

import torch
from torch import nn

from mbnb.config import Config

MUON_RATE = 7.0  # its learning rate, in those of AdamW for the same weights
BLOCKS = "blocks_"  # in the names of weights of the backbone's blocks


def optimizers_of(
    model: nn.Module, groups: list[dict[str, Any]], config: Config
) -> list[torch.optim.Optimizer]:
    """Optimizers that share the weights of `groups`, each with `params` and `lr`.

    In parity it is AdamW alone, as the original has it.
    """
    matrices = {
        id(weight)
        for name, weight in model.named_parameters()
        if BLOCKS in name and weight.ndim == 2 and not config.parity
    }
    by_muon, by_adamw = (
        [
            group | {"params": weights}
            for group in groups
            if (weights := [w for w in group["params"] if (id(w) in matrices) == chosen])
        ]
        for chosen in (True, False)
    )
    by_muon = [group | {"lr": MUON_RATE * group["lr"]} for group in by_muon]
    decay = {"weight_decay": config.weight_decay}
    adamw = [torch.optim.AdamW(by_adamw, fused=True, **decay)] if by_adamw else []
    return adamw + ([torch.optim.Muon(by_muon, **decay)] if by_muon else [])
