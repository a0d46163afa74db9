"""Recipes: how clips become batches for the model.

`DefaultRecipe` keeps proportions, depth and the way through the room, draws fresh augmentation every time, and adds
velocities. `ParityRecipe` does what MotionBERT's action training does, its faults included: per-axis normalisation, z
taken for a confidence and clipped, an all-zero second person, clips resampled once, and movements that pile up in the
stored clips epoch after epoch.
"""

import math

import torch
from torch import Tensor

from mbnb import transforms
from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.skeleton import Skeleton

LIMB_SCALE = 0.1  # bones of a training clip are up to this share longer or shorter
TILT = 0.25  # turns about the two horizontal axes, as a share of those about the vertical


class DefaultRecipe:
    """Clips on the device, ragged; a batch is (B, 1, clip_len, J, 3 or 6)."""

    def __init__(self, clips: Clips, config: Config, skeleton: Skeleton, classes: ClassTable, device: torch.device):
        self.config, self.skeleton = config, skeleton
        poses = [transforms.smooth(pose, config.smooth) if config.smooth else pose for pose in clips]
        standard = [transforms.standardise(torch.as_tensor(pose, dtype=torch.float32), skeleton) for pose in poses]
        self.frames = torch.cat(standard).to(device)  # (sum T, J, 3)
        self.starts = torch.as_tensor(clips.offsets[:-1], device=device)
        self.spans = torch.as_tensor(clips.lengths - 1, device=device)
        self.labels = torch.as_tensor(clips.labels, device=device)
        self.mirror = torch.tensor(classes.mirror, device=device) if classes.mirror and config.flip else None

    def __len__(self) -> int:
        return len(self.labels)

    def test_batch(self, index: Tensor) -> Tensor:
        """The whole clips at `index` (B,), nothing random."""
        return self._finish(self._windows(self.starts[index].double(), self.spans[index].double()), self.spans[index])

    def training_batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Augmented clips and their labels (B,): cropped, turned, resized, mirrored and noisy in a new way each time."""
        config, device = self.config, self.frames.device
        starts, spans, labels = self.starts[index].double(), self.spans[index].double(), self.labels[index]
        uniform = torch.rand(6, len(index), dtype=torch.float64, device=device)
        window = spans * (1 - config.stretch * uniform[0])
        pose = self._windows(starts + (spans - window) * uniform[1], window)
        seconds = window * (1 + config.stretch * (2 * uniform[2] - 1))  # the same movement, faster or slower
        angle = math.radians(config.rotate) * (2 * uniform[3:6] - 1).float()
        pose = transforms.rotate(pose, vertical=angle[0])
        pose = transforms.rotate(pose[..., [1, 0, 2]], vertical=TILT * angle[1])[..., [1, 0, 2]]  # about x
        pose = transforms.rotate(pose[..., [0, 2, 1]], vertical=TILT * angle[2])[..., [0, 2, 1]]  # about z
        limbs = 1 + LIMB_SCALE * (2 * torch.rand(len(index), len(self.skeleton), device=device) - 1)
        limbs = (limbs + limbs[:, list(self.skeleton.mirror)]) / 2  # both sides alike
        pose = transforms.scale_limbs(pose, limbs, self.skeleton)
        pose = pose + config.noise * torch.randn(len(index), 1, 1, 1, device=device) * torch.randn_like(pose)
        if self.mirror is not None:
            mirrored = torch.rand(len(index), device=device) < 0.5
            pose = torch.where(mirrored[:, None, None, None], transforms.flip(pose, self.skeleton.mirror), pose)
            labels = torch.where(mirrored, self.mirror[labels], labels)
        return self._finish(pose, seconds), labels

    def _windows(self, starts: Tensor, spans: Tensor) -> Tensor:
        return transforms.gather_windows(self.frames, starts, spans, self.config.clip_len)

    def _finish(self, pose: Tensor, spans: Tensor) -> Tensor:
        if self.config.motion:
            pose = transforms.add_motion(pose, (spans / self.config.fps).float())
        return pose[:, None]  # (B, F, J, C) -> (B, 1, F, J, C)


class ParityRecipe:
    """Clips of equal length on the device; a batch is (B, 2, clip_len, J, 3)."""

    def __init__(self, clips: Clips, config: Config, skeleton: Skeleton, classes: ClassTable, device: torch.device, training: bool = False):
        self.config = config
        poses = []
        for clip in clips:
            pose = torch.as_tensor(clip, dtype=torch.float32)
            pose = transforms.normalize_axes(pose, skeleton.root) if config.normalize else pose
            if training:
                draws = torch.rand(config.clip_len) if len(pose) >= config.clip_len else torch.rand(config.clip_len) < 0.5
                index = transforms.random_resample_index(len(pose), config.clip_len, draws)
            else:
                index = transforms.resample_index(len(pose), config.clip_len)
            poses.append(transforms.with_empty_person(pose[index]))
        self.poses = torch.stack(poses).to(device)  # (N, 2, F, J, 3)
        self.labels = torch.as_tensor(clips.labels, device=device)

    def __len__(self) -> int:
        return len(self.labels)

    def test_batch(self, index: Tensor) -> Tensor:
        """The clips at `index` (B,)."""
        return transforms.crop_scale(self.poses[index], self._ratios(len(index), self.config.scale_range_test))

    def training_batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Moved clips and their labels (B,); the stored clips stay moved."""
        if self.config.random_move:
            ends = torch.rand(4, len(index), 2, device=self.poses.device) * 2 - 1
            shift = 0.1 * ends[2:].transpose(0, 1)  # (2, B, 2) -> (B, 2, 2)
            self.poses[index] = transforms.random_move(self.poses[index], math.radians(10) * ends[0], 1 + 0.1 * ends[1], shift)
        return transforms.crop_scale(self.poses[index], self._ratios(len(index), self.config.scale_range_train)), self.labels[index]

    def _ratios(self, count: int, bounds: list[float]) -> Tensor:
        return torch.empty(count, device=self.poses.device).uniform_(min(bounds), max(bounds))


def make_recipe(clips: Clips, config: Config, skeleton: Skeleton, classes: ClassTable, device: torch.device,
                training: bool = False) -> DefaultRecipe | ParityRecipe:
    """The configured recipe over `clips`; `training` says what they are for."""
    if config.parity:
        return ParityRecipe(clips, config, skeleton, classes, device, training)
    return DefaultRecipe(clips, config, skeleton, classes, device)
