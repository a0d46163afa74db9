"""A training step and an evaluation, ours and the reference's, and what they cost at the least.

All clips are random numbers: speed does not depend on what they show.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import plain
from benchmarks.measure import Case
from mbnb.config import Config
from mbnb.devices import mixed_precision
from mbnb.model.checkpoints import build_model
from mbnb.model.fast import make_fast

BATCH, CLASSES, JOINTS = 24, 52, 17


def settings_of(config: Config, size: str, frames: int) -> Config:
    """A model of this size that sees clips stretched to so many frames; 0: as its recipe has it."""
    length = {"rate": 0.0, "clip_len": frames, "patch": 1} if frames else {}
    machine = {"device": config.device, "precision": config.precision, "compile": config.compile}
    return Config.of({"preset": size, "head": "learned", **machine, **length})


def flops_per_clip(config: Config, frames: int, joints: int = JOINTS) -> float:
    """Floating-point operations of a person's forward pass; a training step takes thrice that."""
    dim, hidden = config.dim_feat, config.mlp_ratio * config.dim_feat
    linear = 2 * (4 * dim * dim + 2 * dim * hidden)  # a token's qkv, proj, fc1 and fc2
    attention = 4 * dim  # a token's scores and sums over one other token
    block = 2 * linear + attention * (frames + joints)
    ends = 2 * dim * (config.dim_in + config.dim_rep)
    return frames * joints * (config.depth * (2 * block + 2 * 2 * dim * 2) + ends)


def bytes_per_clip(config: Config, frames: int, mixed: bool) -> float:
    """Bytes that a training step moves at the least: what its gradients need, out and in again."""
    per_token = build_model(config, CLASSES, JOINTS).backbone.bytes_per_token
    return 2 * per_token * frames * JOINTS / (2 if mixed else 1)


def our_step(settings: Config, device: torch.device) -> Callable[[list[Tensor], Tensor], None]:
    """Our training step on the parts of a batch and its labels."""
    model = build_model(settings, CLASSES, JOINTS).to(device).train()
    make_fast(model, settings, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(parts: list[Tensor], labels: Tensor) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(settings, device)):
            output = model(parts)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(output.float(), labels).backward()
        optimizer.step()

    return step


def reference_step(settings: Config, device: torch.device) -> Callable[[Tensor, Tensor], None]:
    """The reference's training step on a batch and its labels."""
    weights = dict(_reference_model(settings, device).state_dict(keep_vars=True))
    trained = [weight for weight in weights.values() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)

    def step(people: Tensor, labels: Tensor) -> None:
        output = plain.logits(weights, people, settings.num_heads, dropout=0.7, training=True)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(output, labels).backward()
        optimizer.step()

    return step


def both_steps(
    settings: Config, batch: int, device: torch.device
) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step on `batch` clips of `clip_len` frames, ours and the reference's."""
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    clips, people = _inputs(settings, batch, device)
    ours, reference = our_step(settings, device), reference_step(settings, device)
    return lambda: ours([clips], labels), lambda: reference(people, labels)


def training_step(settings: Config, batch: int, device: torch.device) -> Case:
    """A step on `batch` clips of `clip_len` frames."""
    ours, reference = both_steps(settings, batch, device)
    flops = 3 * batch * flops_per_clip(settings, settings.clip_len)
    size, frames = settings.preset, settings.clip_len
    return Case("training step", size, frames, batch, ours, reference, flops)


def evaluation(settings: Config, batch: int, device: torch.device, compiled: bool = False) -> Case:
    """Logits of `batch` clips of `clip_len` frames.

    `compiled` as a training evaluates the people that it holds out; a saved run is not.
    """
    model = build_model(settings, CLASSES, JOINTS).to(device).eval()
    if compiled:
        make_fast(model, settings, device)
    weights = _reference_model(settings, device).state_dict()
    clips, people = _inputs(settings, batch, device)

    @torch.no_grad()
    def ours() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(settings, device)):
            model([clips])

    @torch.no_grad()
    def reference() -> None:
        plain.logits(weights, people, settings.num_heads)

    flops = batch * flops_per_clip(settings, settings.clip_len)
    size, frames = settings.preset, settings.clip_len
    return Case("evaluation", size, frames, batch, ours, reference, flops)


def _inputs(settings: Config, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ours (B, 1, F, J, C), and the reference's (B, 2, F, J, 3) with a second person."""
    shape = settings.clip_len, JOINTS
    clips = torch.randn(batch, 1, *shape, settings.dim_in, device=device)
    return clips, torch.randn(batch, 2, *shape, 3, device=device)


def _reference_model(settings: Config, device: torch.device) -> torch.nn.Module:
    config = Config.of({"preset": settings.preset, "recipe": "parity"})
    return build_model(config, CLASSES, JOINTS).to(device)
