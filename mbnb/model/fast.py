"""What makes a model's training fast, and keeps it within the memory that there is."""

import torch

from mbnb.config import Config
from mbnb.devices import compile_mode, free_memory, keep_freed_memory
from mbnb.model.action import ActionNet

# Of the free memory, for what a step keeps for its gradients; the rest is computed again.
KEEP_SHARE = {"cpu": 0.125, "cuda": 0.5}


def make_fast(model: ActionNet, config: Config, device: torch.device) -> None:
    """Compile the model where that pays, and let its training keep no more than memory bears."""
    keep_freed_memory()
    if mode := compile_mode(config, device):
        # One graph for all layers and lengths: it is ready in the time of one layer, and what lies
        # around the layers is little work.
        model.backbone.layer = torch.compile(model.backbone.layer, mode=mode, dynamic=True)
    model.accumulate = config.accumulate
    memory = free_memory(device) * KEEP_SHARE[device.type]
    model.keep_tokens = memory / model.backbone.bytes_per_token
