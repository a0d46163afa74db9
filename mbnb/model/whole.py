"""Networks with their preparation: from skeletons to answers in one piece, to call or to export.

Shapes: B clips, V views, T frames, M persons, F moments, J joints, P frames of a patch, R =
dim_rep, D = hidden_dim, C classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mbnb.classes import ClassTable
from mbnb.model.action import ActionNet
from mbnb.model.dstformer import DSTformer
from mbnb.model.heads import ActionHeadEmbed
from mbnb.model.pose import PoseNet
from mbnb.prepare.equal import DefaultSight, ParitySight

Sight = DefaultSight | ParitySight | None


class WholeAction(nn.Module):
    """What `sight` takes, or what the network sees (B, M, F, J, 3) without one -> `outputs`.

    Probabilities (B, C) at `temperature`, means over `views` as in `predict.answer_views`, and
    features (B, D) of the first view; of a one-shot model unit vectors (B, D) alone.
    """

    def __init__(
        self,
        sight: Sight,
        model: ActionNet,
        classes: ClassTable | None = None,
        views: Sequence[dict] = ({},),
        temperature: float = 1.0,
    ):
        super().__init__()
        self.sight, self.model, self.temperature = sight, model, temperature
        self.sides = [
            list(classes.mirror) if classes and view.get("mirrored") else None for view in views
        ]
        self.inputs = sight.inputs if sight else ("clips",)
        embeds = isinstance(model.head, ActionHeadEmbed)
        self.outputs = ("features",) if embeds else ("probabilities", "features")

    def forward(self, x: Tensor, fps: Tensor | None = None) -> tuple[Tensor, ...]:
        x = self.sight(x, fps) if self.sight else x  # (V·B, M, F, J, C)
        head, tells = self.model.head, "probabilities" in self.outputs
        if not torch.compiler.is_exporting():
            embedded = self.model(x, embed=tells)
        else:  # all at once, since how a batch is cut into pieces cannot be exported
            rep = self.model.backbone(x.flatten(0, 1), return_rep=True)
            # (V·B·M, F, J, R) -> (V·B, S·J·R)
            pooled = head.pool(rep.unflatten(0, x.shape[:2]), x)
            embedded = head.embed(pooled) if tells else head.classify(pooled)
        if not tells:
            return (embedded,)
        logits = head.answer(embedded)[:, : head.sizes[0]]  # those of regions stand behind
        by_view = logits.softmax(-1).unflatten(0, (len(self.sides), -1))  # (V·B, C) -> (V, B, C)
        answers = [p if side is None else p[:, side] for p, side in zip(by_view, self.sides)]
        mean = torch.stack(answers).mean(0).clamp_min(1e-12)
        features = embedded.unflatten(0, (len(self.sides), -1))[0]
        return (mean.log() / self.temperature).softmax(-1), features


class WholeEncoder(nn.Module):
    """What `sight` takes, or what the network sees (B, T, J, 3) without one -> `outputs`.

    The representation (B, T, J, R), and of a PoseNet poses (B, T, J, 3). With a sight they are
    interpolated from the network's moments to the frames that came in.
    """

    def __init__(self, sight: Sight, model: PoseNet | DSTformer, patch: int = 1):
        super().__init__()
        self.sight, self.model, self.patch = sight, model, patch
        self.inputs = sight.inputs if sight else ("clips",)
        tells = isinstance(model, PoseNet)
        self.outputs = ("representation", "pose") if tells else ("representation",)

    def forward(self, x: Tensor, fps: Tensor | None = None) -> tuple[Tensor, ...]:
        seen = self.sight(x, fps)[:, 0] if self.sight else x  # (B, 1, F, J, C) -> (B, F, J, C)
        backbone = self.model.backbone if isinstance(self.model, PoseNet) else self.model
        rep = backbone.get_representation(seen)  # (B, F / P, J, R)
        told = [rep]
        if isinstance(self.model, PoseNet):
            told.append(self.model.unfold(backbone.head(rep)))  # (B, F, J, 3)
        if not self.sight:
            return tuple(told)
        return tuple(_to_frames(y, x.shape[1], step) for y, step in zip(told, (self.patch, 1)))


def _to_frames(y: Tensor, frames: int, patch: int) -> Tensor:
    """(B, K, J, ·) of patches that cover a clip, at its frames: (B, T, J, ·)."""
    count = (
        y.shape[1] * patch
    )  # moments of the clip, the first and last in its first and last frame
    last = torch.arange(frames, device=y.device)[-1].clamp_min(1)
    moments = torch.arange(frames, device=y.device) / last * (count - 1)  # (T,)
    places = ((moments - (patch - 1) / 2) / patch).clamp(0, y.shape[1] - 1)
    before = places.floor().long()
    after = (before + 1).clamp_max(y.shape[1] - 1)
    return y[:, before].lerp(y[:, after], (places - before)[:, None, None])
