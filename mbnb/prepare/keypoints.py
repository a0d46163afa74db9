"""What a model sees of two people in pictures, 2D keypoints with a confidence: NTU RGB+D's clips.

`ParityKeypoints` does what MotionBERT does. The default, `KeypointsRecipe`, does not repeat its
faults: clips are resampled and moved anew each time they are seen, and what nobody saw stays empty.

Shapes: B clips, F frames, J joints, channels x, y and confidence.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.files import InputError
from mbnb.prepare.parity import (
    TEST_SCALES,
    ParityRecipe,
    Parts,
    crop_scale,
    drawn_index,
    drawn_move,
    epoch_generator,
    resample_index,
)
from mbnb.skeleton import Skeleton

TRAIN_SCALES = [1.0, 3.0]  # least and greatest size of a training clip's frame beside the people


class ParityKeypoints(ParityRecipe):
    """Clips of equal length on the device; a batch is one part, (B, 2, clip_len, J, 3)."""

    def people(self, pose: Tensor) -> Tensor:
        """A clip as it is stored (T, 2, J, 3) -> (2, T, J, 3)."""
        return pose.transpose(0, 1)

    def test_batches(self, indices: Iterable[Tensor]) -> Iterator[Parts]:
        """The clips at each of `indices` (B,)."""
        for index in indices:
            yield [crop_scale(self.poses[index], self._ratios(len(index), TEST_SCALES))]


class KeypointsRecipe(ParityKeypoints):
    """The same without its faults; clips stay where they lie until they are seen.

    Raises InputError where the settings ask for more than places and confidences of every moment.
    """

    def __init__(self, clips: Clips, config: Config, skeleton: Skeleton, device: torch.device):
        if config.streams != ["joint"] or config.patch != 1 or config.rate:
            raise InputError(
                "2D keypoints are seen as they are: expected the settings streams [joint], patch 1 "
                f"and rate 0, found {config.streams}, {config.patch} and {config.rate:g}"
            )
        self.config, self.clips, self.device = config, clips, device
        self.labels = torch.as_tensor(clips.labels, device=device)
        self.frames_of = torch.full((len(clips),), config.clip_len)

    def test_batches(self, indices: Iterable[Tensor]) -> Iterator[Parts]:
        """The clips at each of `indices` (B,)."""
        for index in indices:
            pose = self._taken(index, resample_index)
            yield [self._crop(pose, self._ratios(len(index), TEST_SCALES).cpu())]

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Parts, Tensor]]:
        """Clips with the labels (B,) of the whole batch, as `ParityRecipe` gives them."""
        generator = epoch_generator(torch.device("cpu"))
        for index in indices:
            pose = self._taken(index, lambda *sizes: drawn_index(*sizes, generator))
            pose = drawn_move(pose, generator) if self.config.random_move else pose
            ratios = self._ratios(len(index), TRAIN_SCALES, generator)
            yield [self._crop(pose[rank::world], ratios[rank::world])], self.labels[index]

    def _taken(self, index: Tensor, resample: Callable[[int, int], Tensor]) -> Tensor:
        """(B, 2, F, J, 3) of the clips at `index` (B,)."""
        poses = (torch.as_tensor(self.clips[i]) for i in index.tolist())
        taken = [pose[resample(len(pose), self.config.clip_len)] for pose in poses]
        return torch.stack(taken).transpose(1, 2)  # (B, F, 2, J, 3) -> (B, 2, F, J, 3)

    def _crop(self, pose: Tensor, ratios: Tensor) -> Tensor:
        """`crop_scale` on the device; joints that nobody saw, and a person who is not there, are 0.

        drawn_move has moved them, too, but their confidence is still 0.
        """
        return (crop_scale(pose, ratios) * (pose[..., 2:] != 0)).to(self.device)
