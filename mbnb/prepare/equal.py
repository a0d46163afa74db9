"""The recipes for clips of one length, in operations that can be exported.

What a model sees is that of `make_recipe`, but for rounding. Shapes: B clips, V views, T frames, F
moments, J joints, C channels, P frames of a patch, M persons.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbnb.config import Config
from mbnb.prepare.geometry import flip, smooth_equal, standardise_equal, standardise_flat
from mbnb.prepare.parity import TEST_SCALES, crop_scale, normalize_axes, with_empty_person
from mbnb.prepare.recipe import choices_of
from mbnb.prepare.streams import fold, to_streams
from mbnb.skeleton import Skeleton


class DefaultSight(nn.Module):
    """Skeletons (B, T, J, 3) and frames a second () -> (V·B, 1, F / P, J, C), view by view.

    `views` are those of `views_of`. `lifting` is for networks that are shown joints without depth
    to tell it: nothing is smoothed, or turned by a depth that is not there.
    """

    inputs = ("clips", "fps")

    def __init__(
        self, config: Config, skeleton: Skeleton, views: Sequence[dict], lifting: bool = False
    ):
        super().__init__()
        self.config, self.skeleton, self.lifting = config, skeleton, lifting
        self.mirrored = [view.get("mirrored", False) for view in views]
        windows = [view.get("window", (0.0, 1.0)) for view in views]
        windows = torch.tensor(windows, dtype=torch.float32)  # (V, 2)
        self.register_buffer("starts", windows[:, 0])
        self.register_buffer("shares", windows[:, 1] - windows[:, 0])
        choices = choices_of(config)
        self.least, self.most = choices[0] // config.patch, choices[-1] // config.patch
        self.register_buffer("choices", torch.tensor(choices))

    def forward(self, pose: Tensor, fps: Tensor) -> Tensor:
        config = self.config
        if not self.lifting:
            pose = smooth_equal(pose, config.smooth) if config.smooth else pose
            pose = standardise_equal(pose, self.skeleton)
        last = torch.arange(pose.shape[1], device=pose.device)[-1]
        spans = self.shares * last  # (V,) in frames
        times = self._moments(last, fps)  # (F,)
        moments = (self.starts * last)[:, None] + spans[:, None] * times  # (V, F)
        before = moments.floor().long()
        after = torch.minimum(before + 1, last)
        share = (moments - before)[..., None, None]
        seen = pose[:, before].lerp(pose[:, after], share)  # (B, V, F, J, 3)
        sides = zip(seen.unbind(1), self.mirrored)
        seen = torch.stack([flip(p, self.skeleton.mirror) if m else p for p, m in sides])
        seconds = (spans / fps)[:, None].expand(seen.shape[:2]).flatten()  # (V, B) -> (V·B,)
        seen = seen.flatten(0, 1)  # (V, B, F, J, 3) -> (V·B, F, J, 3)
        if config.without_depth:
            seen = F.pad(standardise_flat(seen[..., :2], self.skeleton), (0, 1))
        return fold(to_streams(seen, seconds, config.streams, self.skeleton), config.patch)[:, None]

    def _moments(self, last: Tensor, fps: Tensor) -> Tensor:
        """(F,) from 0 to 1: as many moments as `fitting_lengths` gives a clip."""
        patch = self.config.patch
        if self.least == self.most:
            count = self.most * patch
        else:
            wished = ((last + 1) * self.config.rate / fps).clamp_min(1)
            ratio = self.choices / wished
            tokens = (self.choices // patch)[torch.maximum(ratio, 1 / ratio).argmin()].item()
            # What an exported graph could not know of a number that depends on the input.
            torch._check(tokens >= self.least)
            torch._check(tokens <= self.most)
            count = tokens * patch
        return torch.arange(count, device=last.device) / max(count - 1, 1)


class ParitySight(nn.Module):
    """Skeletons (B, T, J, 3) -> (B, 2, clip_len, J, 3), as MotionBERT's training sees them."""

    inputs = ("clips",)

    def __init__(self, config: Config, skeleton: Skeleton):
        super().__init__()
        self.clip_len, self.root = config.clip_len, skeleton.root

    def forward(self, pose: Tensor, fps: Tensor | None = None) -> Tensor:
        pose = normalize_axes(pose, self.root)
        count = torch.arange(pose.shape[1], device=pose.device)[-1].double() + 1
        steps = torch.arange(self.clip_len, dtype=torch.float64, device=pose.device)
        index = (steps * (count / self.clip_len)).floor().long()  # as in `resample_index`
        ratios = torch.full_like(pose[:, 0, 0, 0], TEST_SCALES[0])
        return crop_scale(with_empty_person(pose[:, index]), ratios)
