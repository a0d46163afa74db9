"""Recipes: how clips become batches for the model.

A batch is a list of parts, each of clips of one length, so that nothing is padded. Several
processes may share a batch: all of them draw the same random numbers for the whole of it, and
each prepares its share.

`DefaultRecipe` keeps proportions, depth and the way through the room, draws fresh augmentation
every time, and adds velocities. `parity.ParityRecipe` does what MotionBERT's action training
does.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.classes import ClassTable
from mbnb.clips import Clips, first_rows
from mbnb.config import Config
from mbnb.devices import free_memory
from mbnb.prepare.augment import augment, draw, draw_noise
from mbnb.prepare.geometry import flip, gather_windows, smooth, standardise, standardise_flat
from mbnb.prepare.keypoints import KeypointsRecipe, ParityKeypoints
from mbnb.prepare.parity import ParityRecipe, Parts, epoch_generator
from mbnb.prepare.streams import fold, to_streams
from mbnb.skeleton import Skeleton

# Frames that the model sees of a clip; few, so that clips share them.
LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
# Of the frames in which the joint is seen that a clip shows most: below that, one is not known.
HARDLY = 0.25
BLOCK = 1024  # clips that are prepared together
# Frames of batches that are augmented together: more cost less each, but must fit the caches.
TOGETHER = {"cpu": 1 << 14, "cuda": 1 << 18}


class DefaultRecipe:
    """Clips near their own length at `config.rate` frames a second.

    A part is (B, 1, F, J, C), C three for each of `config.streams` and frame of a patch. The
    prepared frames of all clips stay on the device where they fit (`resident`); else those of a
    batch are read ahead of it from where the clips lie. `frames_of` (N,) tells how many frames of
    each clip the model sees. With `mask` a joint that was hardly seen in a clip is NaN in all that
    the model sees of it; without, it is where it was filled in.
    """

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        classes: ClassTable,
        device: torch.device,
        mask: bool = False,
    ):
        self.clips, self.config, self.skeleton, self.device = clips, config, skeleton, device
        self.frames_of = fitting_lengths(clips.lengths, config)
        self.lengths = torch.as_tensor(clips.lengths, device=device)
        self.labels = torch.as_tensor(clips.labels, device=device)
        # (C,) what classes become in a mirror; None where the class table does not say.
        self.mirror = (
            torch.tensor(classes.mirror, device=device) if mirrors(config, classes) else None
        )
        known = known_joints(clips) if mask else None
        self.known = None if known is None else torch.as_tensor(known, device=device)
        size = int(clips.lengths.sum()) * len(skeleton) * 3 * 4  # bytes
        fits = config.clips_on == "auto" and 2 * size < free_memory(device)
        self.resident = config.clips_on == "device" or fits
        if self.resident:
            self.starts = first_rows(self.lengths)
            shape = int(clips.lengths.sum()), len(skeleton), 3
            self.frames = torch.empty(shape, device=device)
            row = 0
            for block in torch.arange(len(clips)).split(BLOCK):
                frames, _ = self._prepare(clips.gather(block.numpy()), block)
                self.frames[row : row + len(frames)] = frames
                row += len(frames)

    def __len__(self) -> int:
        return len(self.clips)

    def test_batches(
        self,
        indices: Iterable[Tensor],
        window: tuple[float, float] = (0.0, 1.0),
        mirrored: bool = False,
    ) -> Iterator[Parts]:
        """The clips at each of `indices` (B,), which are in the order of their `frames_of`.

        `window` is what is seen of a clip, in shares of its length; nothing is random.
        """
        for groups in self.test_poses(indices, window, mirrored):
            yield [self.see(*group) for group in groups]

    def test_poses(
        self,
        indices: Iterable[Tensor],
        window: tuple[float, float] = (0.0, 1.0),
        mirrored: bool = False,
    ) -> Iterator[list[tuple[Tensor, ...]]]:
        """What `see` takes: of each part the standardised poses (B, F, J, 3) and seconds (B,).

        Where joints are masked, `known` (B, J) stands behind them.
        """
        for index, frames, starts in self._read_ahead(indices):
            spans = (self.lengths[index.to(self.device)] - 1).double()
            starts = starts.double() + window[0] * spans
            spans = (window[1] - window[0]) * spans
            lengths, numbers = self.frames_of[index].unique_consecutive(return_counts=True)
            groups = []
            for length, start, span in zip(
                lengths.tolist(), starts.split(numbers.tolist()), spans.split(numbers.tolist())
            ):
                pose = gather_windows(frames, start, span, length)
                pose = flip(pose, self.skeleton.mirror) if mirrored else pose
                groups.append((pose, span / self.config.fps))
            if self.known is not None:
                known = self.known[index.to(self.device)].split(numbers.tolist())
                sides = list(self.skeleton.mirror) if mirrored else slice(None)
                groups = [(*group, rows[:, sides]) for group, rows in zip(groups, known)]
            yield groups

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Parts, Tensor]]:
        """Augmented clips: cropped, turned, resized, mirrored and noisy in a new way each time.

        Comes with the labels (B,) of the whole batch in the order of the clips' `frames_of`, of
        which the parts hold every `world`-th clip from `rank` on.
        """
        generator = epoch_generator(self.device)
        noise = draw_noise(self.skeleton, self.device, generator)
        drawn = deque()

        def wanted() -> Iterator[Tensor]:
            """This process's clips of some batches, by length; what was drawn waits in `drawn`.

            All processes draw for whole batches before each takes its share, so that they agree.
            """
            for batches in self._group(indices):
                index, sizes = torch.cat(batches), torch.tensor([len(b) for b in batches])
                spans = (self.lengths[index.to(self.device)] - 1).double()
                draws = draw(spans, self.config, self.skeleton, self.mirror is not None, generator)
                labels = self._labels(index, draws.mirrored).split(sizes.tolist())
                batch = torch.arange(len(batches)).repeat_interleave(sizes)
                place = torch.arange(len(index)) - first_rows(sizes)[batch]
                mine = (place % world == rank).nonzero()[:, 0]
                mine = mine[self.frames_of[index[mine]].argsort(stable=True)]
                drawn.append((batch[mine], labels, draws[mine.to(self.device)]))
                yield index[mine]

        for index, frames, starts in self._read_ahead(wanted()):
            batch, labels, draws = drawn.popleft()
            lengths, numbers = self.frames_of[index].unique_consecutive(return_counts=True)
            parts, first = [[] for _ in labels], 0
            for length, number in zip(lengths.tolist(), numbers.tolist()):
                rows = slice(first, first + number)
                pose = augment(frames, starts[rows], length, draws[rows], noise)
                known = self._known(index[rows], draws[rows].mirrored)
                x = self.see(pose, draws.seconds[rows], known)
                members, shares = batch[rows].unique_consecutive(return_counts=True)
                for member, part in zip(members.tolist(), x.split(shares.tolist())):
                    parts[member].append(part)
                first += number
            yield from zip(parts, labels)

    def see(self, pose: Tensor, seconds: Tensor, known: Tensor | None = None) -> Tensor:
        """Poses (B, F, J, 3) of windows that last `seconds` (B,) -> (B, 1, F / patch, J, C).

        It is NaN where a joint is not `known` (B, J).
        """
        if self.config.without_depth:
            places = standardise_flat(pose[..., :2], self.skeleton)
            pose = F.pad(places, (0, 1))  # (B, F, J, 2) -> (B, F, J, 3)
        x = to_streams(pose, seconds.float(), self.config.streams, self.skeleton)
        if known is not None:
            x = x.masked_fill(~known[:, None, :, None], torch.nan)
        return fold(x, self.config.patch)[:, None]

    def _known(self, index: Tensor, mirrored: Tensor) -> Tensor | None:
        """(B, J) which joints of clips at `index` are known, sides exchanged where `mirrored`."""
        if self.known is None:
            return None
        known = self.known[index.to(self.device)]
        return torch.where(mirrored[:, None], known[:, list(self.skeleton.mirror)], known)

    def _group(self, indices: Iterable[Tensor]) -> Iterator[list[Tensor]]:
        """Some batches at a time, each with its clips by length."""
        ordered = [index[self.frames_of[index].argsort(stable=True)] for index in indices]
        largest = max((int(self.frames_of[index].sum()) for index in ordered), default=1)
        some = max(1, TOGETHER[self.device.type] // largest)
        return (ordered[first : first + some] for first in range(0, len(ordered), some))

    def _labels(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """(B,) the classes of the clips at `index`, of those `mirrored` what they become."""
        labels = self.labels[index.to(self.device)]
        if self.mirror is None:
            return labels
        return torch.where(mirrored, self.mirror[labels], labels)

    def _read_ahead(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each index with prepared frames, and where in them its clips start.

        What lies on disk is read while the batch before is used.
        """
        if self.resident:
            yield from (
                (index, self.frames, self.starts[index.to(self.device)]) for index in indices
            )
            return
        with ThreadPoolExecutor(1) as reader:
            reading = deque()
            for index in chain(indices, [None]):
                if index is not None:
                    reading.append((index, reader.submit(self.clips.gather, index.numpy())))
                if reading and (index is None or len(reading) > 1):
                    index, raw = reading.popleft()
                    yield index, *self._prepare(raw.result(), index)

    def _prepare(self, raw: np.ndarray, index: Tensor) -> tuple[Tensor, Tensor]:
        """Raw frames of the clips at `index`, smoothed and standardised, and where each starts."""
        frames = torch.as_tensor(raw, dtype=torch.float32, device=self.device)
        lengths = self.lengths[index.to(self.device)]
        frames = smooth(frames, lengths, self.config.smooth) if self.config.smooth else frames
        return standardise(frames, lengths, self.skeleton), first_rows(lengths)


def known_joints(clips: Clips) -> np.ndarray | None:
    """(N, J) bool, which joints were seen in a fair part of a clip; None where all of all were."""
    shares = np.ones((len(clips), clips.frames.shape[1]))
    for i in range(len(clips) if clips.seen is not None else 0):
        if (seen := clips.seen_in(i)) is not None:
            shares[i] = seen.mean(0)
    known = shares >= HARDLY * shares.max(1, keepdims=True)
    return None if known.all() else known


def mirrors(config: Config, classes: ClassTable) -> bool:
    """Whether the recipe mirrors clips: where the class table says what becomes of a class."""
    return not config.parity and config.flip and classes.mirror is not None


def views_of(config: Config, classes: ClassTable, count: int) -> list[dict]:
    """Ways to look at a clip in `test_batches`: all of it, and `count` - 1 shorter windows.

    With more than one, each is also seen in a mirror, where training does that. The parity recipe
    has just one.
    """
    if config.parity:
        return [{}]
    share = 1 - config.stretch / 2  # the mean of training's
    starts = np.linspace(0, 1 - share, count - 1)
    windows = [(0.0, 1.0), *((start, start + share) for start in starts)]
    sides = (False, True) if count > 1 and mirrors(config, classes) else (False,)
    return [dict(window=window, mirrored=side) for window in windows for side in sides]


def fitting_lengths(lengths: np.ndarray, config: Config) -> Tensor:
    """(N,) how many frames the model sees of clips of `lengths`, a multiple of `config.patch`.

    The nearest of LENGTHS at `config.rate` frames a second, at most `config.clip_len`; just that
    of every clip where the rate is 0.
    """
    choices = np.array(choices_of(config))
    wished = np.maximum(lengths * config.rate / config.fps, 1)
    return torch.as_tensor(choices[np.abs(np.log(choices / wished[:, None])).argmin(1)])


def choices_of(config: Config) -> list[int]:
    """How many frames of a clip the model may see, ascending: one of LENGTHS, or the most."""
    most = config.clip_len - config.clip_len % config.patch
    if config.one_length:
        return [most]
    return [n for n in LENGTHS if n < most and n % config.patch == 0] + [most]


def make_recipe(
    clips: Clips,
    config: Config,
    skeleton: Skeleton,
    classes: ClassTable,
    device: torch.device,
    training: bool = False,
    mask: bool = False,
) -> DefaultRecipe | ParityRecipe:
    """The configured recipe over `clips`; `training` says what they are for.

    mask: whether the model knows what to make of joints that were not seen (see `DefaultRecipe`).
    """
    if clips.flat and config.parity:
        return ParityKeypoints(clips, config, skeleton, device, training)
    if clips.flat:
        return KeypointsRecipe(clips, config, skeleton, device)
    if config.parity:
        return ParityRecipe(clips, config, skeleton, device, training)
    return DefaultRecipe(clips, config, skeleton, classes, device, mask)
