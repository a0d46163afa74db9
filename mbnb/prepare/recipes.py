"""Recipes: how clips become batches for the model.

A batch is a list of parts, each of clips of one length, so that nothing is padded. Several processes may share a batch: all
of them draw the same random numbers for the whole of it, and each prepares its own share.

`DefaultRecipe` keeps proportions, depth and the way through the room, draws fresh augmentation every time, and adds
velocities. `ParityRecipe` does what MotionBERT's action training does, its faults included: per-axis normalisation, z
taken for a confidence and clipped, an all-zero second person, clips resampled once, and movements that pile up in the
stored clips epoch after epoch.
"""

import math
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
from mbnb.prepare import transforms
from mbnb.skeleton import Skeleton

LIMB_SCALE = 0.1  # bones of a training clip are up to this share longer or shorter
TILT = 0.25  # turns about the two horizontal axes, as a share of those about the vertical
LENGTHS = (
    8,
    12,
    16,
    24,
    32,
    48,
    64,
    96,
    128,
    192,
)  # frames that the model sees of a clip; few, so that clips share them
BLOCK = 1024  # clips that are prepared together
AHEAD = 32  # batches for which chance is drawn together
TOGETHER = {
    "cpu": 1 << 14,
    "cuda": 1 << 18,
}  # frames of one batch or several that are augmented together: more cost less each, but must fit the caches
NOISE = (
    1 << 12
)  # rows of sensor noise that are drawn for an epoch; every clip takes its own from a random row on

Parts = list[Tensor]


class DefaultRecipe:
    """Clips near their own length at `config.rate` frames a second; a part is (B, 1, F, J, C), C three for each of `config.streams`.

    The prepared frames of all clips stay on the device where they fit (`resident`); else those of a batch are read ahead
    of it from where the clips lie. `frames_of` (N,) tells how many frames of each clip the model sees. The clips `in_mirror`, (N,) bool,
    are seen in a mirror.
    """

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        classes: ClassTable,
        device: torch.device,
        in_mirror: np.ndarray | None = None,
    ):
        self.clips, self.config, self.skeleton, self.device = clips, config, skeleton, device
        self.frames_of = fitting_lengths(clips.lengths, config)
        self.in_mirror = (
            None
            if in_mirror is None or not in_mirror.any()
            else torch.tensor(in_mirror, device=device)
        )
        self.lengths, self.labels = (
            torch.as_tensor(values, device=device) for values in (clips.lengths, clips.labels)
        )
        # What a mirrored clip is called, (C,), or None where none may be mirrored.
        own = tuple(range(len(classes), 2 * len(classes))) if config.mirror_classes else None
        mirror = (classes.mirror or own) if config.flip else None
        self.mirror = torch.tensor(mirror, device=device) if mirror else None
        self.sides = torch.tensor(skeleton.mirror, device=device)  # (J,) each joint's other side
        self.region_mirror = list(classes.region_mirror or range(len(classes.region_names)))
        counts = torch.bincount(self.labels.clamp_min(0), minlength=len(classes))
        self.class_order, self.class_starts, self.class_sizes = (
            self.labels.argsort(stable=True),
            first_rows(counts),
            counts,
        )
        size = int(clips.lengths.sum()) * len(skeleton) * 3 * 4  # bytes
        self.resident = config.clips_on == "device" or (
            config.clips_on == "auto" and 2 * size < free_memory(device)
        )
        if self.resident:
            self.starts = first_rows(self.lengths)
            self.frames = torch.empty(int(clips.lengths.sum()), len(skeleton), 3, device=device)
            row = 0
            for block in torch.arange(len(clips)).split(BLOCK):
                prepared, _ = self._prepare(clips.gather(block.numpy()), block)
                self.frames[row : row + len(prepared)] = prepared
                row += len(prepared)

    def __len__(self) -> int:
        return len(self.clips)

    def views(self, count: int) -> list[dict]:
        """Ways to look at a clip in `test_batches`: all of it, and `count` - 1 crops; each mirrored, too, where training does that."""
        share = 1 - self.config.stretch / 2  # the mean of training's
        windows = [
            (0.0, 1.0),
            *((start, start + share) for start in np.linspace(0, 1 - share, count - 1)),
        ]
        sides = (False, True) if self.mirror is not None and count > 1 else (False,)
        return [dict(window=window, mirrored=mirrored) for window in windows for mirrored in sides]

    def test_batches(
        self,
        indices: Iterable[Tensor],
        window: tuple[float, float] = (0.0, 1.0),
        mirrored: bool = False,
    ) -> Iterator[Parts]:
        """The clips at each of `indices` (B,), which are in the order of their `frames_of`, from one share of their length to
        another; nothing random."""
        for groups in self.test_poses(indices, window, mirrored):
            yield [self.see(pose, spans) for pose, spans in groups]

    def test_poses(
        self,
        indices: Iterable[Tensor],
        window: tuple[float, float] = (0.0, 1.0),
        mirrored: bool = False,
    ) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """The same before `see`: of each part the standardised poses (B, F, J, 3), and the frames that they span (B,)."""
        for index, frames, starts in self._read_ahead(indices):
            spans = (self.lengths[index.to(self.device)] - 1).double()
            starts, spans = starts.double() + window[0] * spans, (window[1] - window[0]) * spans
            counts, sizes = self.frames_of[index].unique_consecutive(return_counts=True)
            groups = []
            for count, start, span in zip(
                counts.tolist(), starts.split(sizes.tolist()), spans.split(sizes.tolist())
            ):
                pose = transforms.gather_windows(frames, start, span, count)
                groups.append((transforms.flip(pose, self.sides) if mirrored else pose, span))
            yield groups

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Parts, Tensor]]:
        """Augmented clips: cropped, turned, resized, mirrored and noisy in a new way each time. Comes with the labels (B,) of
        the whole batch in the order of the clips' `frames_of`, of which the parts hold every `world`-th from `rank` on."""
        indices = [index[self.frames_of[index].argsort(stable=True)] for index in indices]
        generator = _own_chance(self.device)
        noise = torch.randn(NOISE, len(self.skeleton) * 3, device=self.device, generator=generator)
        chunks = deque()

        def wanted() -> Iterator[Tensor]:
            """The clips of some batches that are this process's, by length, behind them their partners."""
            for batches, drawn in self._chances(indices, generator):
                index, sizes = torch.cat(batches), [len(batch) for batch in batches]
                batch, place = (
                    torch.arange(len(batches)).repeat_interleave(torch.tensor(sizes)),
                    torch.cat([torch.arange(size) for size in sizes]),
                )
                mine = (place % world == rank).nonzero()[:, 0]
                mine = mine[self.frames_of[index[mine]].argsort(stable=True)]
                labels = drawn.pop("labels").split(sizes)
                there = mine.to(self.device)
                chance = {key: value[there] for key, value in drawn.items()}
                chunks.append((index[mine], batch[mine], labels, chance))
                yield (
                    torch.cat([index[mine], chance["partner"][chance["exchanged"]].cpu()])
                    if self.config.exchange
                    else index[mine]
                )

        for _, frames, starts in self._read_ahead(wanted()):
            own, batch, labels, chance = chunks.popleft()
            counts, sizes = self.frames_of[own].unique_consecutive(return_counts=True)
            partner_starts = starts[len(own) :]
            parts, place = [[] for _ in labels], 0
            for count, size in zip(counts.tolist(), sizes.tolist()):
                mine = slice(place, place + size)
                part = {key: value[mine] for key, value in chance.items()}
                pose = self._body(frames, starts[mine], part, "", count)
                if self.config.exchange:
                    exchanged = part["exchanged"].nonzero()[:, 0]
                    given, partner_starts = (
                        partner_starts[: len(exchanged)],
                        partner_starts[len(exchanged) :],
                    )
                    pose.index_add_(
                        0,
                        exchanged,
                        self._body(
                            frames,
                            given,
                            {key: value[exchanged] for key, value in part.items()},
                            "partner_",
                            count,
                        ),
                    )
                if self.config.noise:
                    rows = part["row"][:, None] + torch.arange(count, device=self.device)
                    pose.flatten(2).addcmul_(
                        F.embedding(rows, noise), part["strength"][:, None, None]
                    )
                seen, (whose, shares) = (
                    self.see(pose, part["seconds"], part),
                    batch[mine].unique_consecutive(return_counts=True),
                )
                for own_batch, share in zip(whose.tolist(), seen.split(shares.tolist())):
                    parts[own_batch].append(share)
                place += size
            yield from zip(parts, labels)

    def _body(
        self, frames: Tensor, starts: Tensor, part: dict[str, Tensor], whose: str, count: int
    ) -> Tensor:
        """The windows of clips, or of their partners, turned, and with the bones that they give to the training clip: (B, count, J, 3)."""
        pose = transforms.gather_windows(
            frames,
            starts + part[whose + "start"],
            part[whose + "window"],
            count,
            part["warp"] if self.config.warp else None,
        )
        return transforms.reshape_bodies(pose, part[whose + "mix"], part["turn"])

    def _chances(
        self, indices: list[Tensor], generator: torch.Generator
    ) -> Iterator[tuple[list[Tensor], dict[str, Tensor]]]:
        """Some batches at a time, and what happens to their clips, one batch after the other; that is drawn for more of them at once."""
        some = max(
            1,
            TOGETHER[self.device.type]
            // max(int(self.frames_of[index].sum()) for index in indices),
        )
        chunks = [indices[first : first + some] for first in range(0, len(indices), some)]
        many = max(1, AHEAD // some)
        for first in range(0, len(chunks), many):
            ahead = chunks[first : first + many]
            drawn = self._draw(
                torch.cat([index for batches in ahead for index in batches]).to(self.device),
                generator,
            )
            split = zip(
                *(
                    value.split([sum(map(len, batches)) for batches in ahead])
                    for value in drawn.values()
                )
            )
            yield from (
                (batches, dict(zip(drawn, values))) for batches, values in zip(ahead, split)
            )

    def _draw(self, index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """What happens to each clip at `index` (B,), in the order in which it is used, and the clips' labels."""
        config, device, sides = self.config, self.device, self.sides
        uniform = torch.rand(
            12 + len(self.skeleton),
            len(index),
            dtype=torch.float64,
            device=device,
            generator=generator,
        )
        spans = (self.lengths[index] - 1).double()
        share = 1 - config.stretch * uniform[0]
        angles = (
            math.radians(config.rotate)
            * (2 * uniform[3:6].T - 1)
            * torch.tensor([1, TILT, TILT], device=device)
        )
        limbs = 1 + LIMB_SCALE * (2 * uniform[12:].T - 1)
        limbs = ((limbs + limbs[:, sides]) / 2).float()  # both sides alike
        turn = transforms.turns(angles.float())
        labels = self.labels[index]
        drawn = dict(
            start=spans * (1 - share) * uniform[1],
            window=spans * share,
            warp=config.warp * (2 * uniform[8] - 1),
            seconds=spans
            * share
            * (1 + config.stretch * (2 * uniform[2] - 1)),  # the same movement, faster or slower
            strength=config.noise * torch.randn(len(index), device=device, generator=generator),
            row=((NOISE - config.clip_len) * uniform[7]).long(),
        )
        if config.hide_joints:
            drawn["joints"] = (
                torch.rand(len(index), len(self.skeleton), device=device, generator=generator)
                >= config.hide_joints
            )
        if config.hide_frames:
            drawn["frames"] = (
                torch.rand(len(index), config.clip_len, device=device, generator=generator)
                >= config.hide_frames
            )
        bones = {"mix": limbs}
        if config.exchange:
            # Of a random joint and its other side, everything below comes from a partner, at the same moments of its own clip.
            below = torch.as_tensor(
                self.skeleton.ancestry, device=device
            ).T.bool()  # (J, J) each row the joints below one
            drawn["exchanged"] = uniform[10] < config.exchange
            below = (below | below[sides])[(len(self.skeleton) * uniform[9]).long()] & drawn[
                "exchanged"
            ][:, None]
            drawn["partner"] = self.class_order[
                (self.class_starts[labels] + uniform[11] * self.class_sizes[labels]).long()
            ]
            spans = (self.lengths[drawn["partner"]] - 1).double()
            drawn |= dict(
                partner_start=spans * (1 - share) * uniform[1], partner_window=spans * share
            )
            bones = {"mix": limbs * ~below, "partner_mix": limbs * below}
        drawn |= {
            key: transforms.limb_scales(factors, self.skeleton) for key, factors in bones.items()
        }
        if self.mirror is not None:
            mirrored = uniform[6] < 0.5
            drawn |= {
                key: torch.where(mirrored[:, None, None], drawn[key][:, sides], drawn[key])
                for key in bones
            }
            turn[:, 0] *= (1 - 2 * mirrored.float())[:, None]  # x changes its sign
            labels = torch.where(mirrored, self.mirror[labels], labels)
        return drawn | dict(turn=turn, labels=labels)

    def _read_ahead(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each index with prepared frames and where in them its clips start; what lies on disk is read while the batch before is used."""
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
        """The raw frames of the clips at `index`, smoothed and standardised, and where in them each starts."""
        frames, lengths = (
            torch.as_tensor(raw, dtype=torch.float32, device=self.device),
            self.lengths[index.to(self.device)],
        )
        frames = (
            transforms.smooth(frames, lengths, self.config.smooth) if self.config.smooth else frames
        )
        if self.in_mirror is not None:
            rows = self.in_mirror[index.to(self.device)].repeat_interleave(lengths)
            frames = torch.where(rows[:, None, None], transforms.flip(frames, self.sides), frames)
        return transforms.standardise(frames, lengths, self.skeleton), first_rows(lengths)

    def see(self, pose: Tensor, spans: Tensor, part: dict[str, Tensor] | None = None) -> Tensor:
        """Poses (B, F, J, 3) of windows of `spans` frames -> what the model sees of them, (B, 1, F / patch, J, C); without what `part` hides."""
        x = transforms.to_streams(
            pose, (spans / self.config.fps).float(), self.config.streams, self.skeleton
        )
        if part and self.config.hide_joints:
            x = x * part["joints"][:, None, :, None]
        if part and self.config.hide_frames:
            x = x * part["frames"][:, : x.shape[1], None, None]
        if self.config.patch > 1:
            x = (
                x.unflatten(1, (-1, self.config.patch)).transpose(2, 3).flatten(3)
            )  # (B, F / P, P, J, C) -> (B, F / P, J, P·C)
        return x[:, None]


def fitting_lengths(lengths: np.ndarray, config: Config) -> Tensor:
    """(N,) how many frames the model sees of clips of `lengths`: the nearest of LENGTHS at `config.rate` frames a second, at
    most `config.clip_len`; just that of every clip where the rate is 0. Always a multiple of `config.patch`."""
    most = config.clip_len - config.clip_len % config.patch
    if config.one_length:
        return torch.full((len(lengths),), most)
    choices = np.array(
        [length for length in LENGTHS if length < most and length % config.patch == 0] + [most]
    )
    wished = np.maximum(lengths * config.rate / config.fps, 1)
    return torch.as_tensor(choices[np.abs(np.log(choices / wished[:, None])).argmin(1)])


class ParityRecipe:
    """Clips of equal length on the device; a batch is one part, (B, 2, clip_len, J, 3)."""

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        classes: ClassTable,
        device: torch.device,
        training: bool = False,
    ):
        self.config = config
        poses = []
        for clip in clips:
            pose = torch.as_tensor(clip, dtype=torch.float32)
            pose = transforms.normalize_axes(pose, skeleton.root) if config.normalize else pose
            if training:
                draws = (
                    torch.rand(config.clip_len)
                    if len(pose) >= config.clip_len
                    else torch.rand(config.clip_len) < 0.5
                )
                index = transforms.random_resample_index(len(pose), config.clip_len, draws)
            else:
                index = transforms.resample_index(len(pose), config.clip_len)
            poses.append(transforms.with_empty_person(pose[index]))
        self.poses = torch.stack(poses).to(device)  # (N, 2, F, J, 3)
        self.labels = torch.as_tensor(clips.labels, device=device)
        self.frames_of = torch.full((len(clips),), config.clip_len)

    def __len__(self) -> int:
        return len(self.labels)

    def views(self, count: int) -> list[dict]:
        """Just one: the clip as it is."""
        return [{}]

    def test_batches(self, indices: Iterable[Tensor]) -> Iterator[Parts]:
        """The clips at each of `indices` (B,)."""
        for ((pose, ratios),) in self.test_poses(indices):
            yield [self.see(pose, ratios)]

    def test_poses(self, indices: Iterable[Tensor]) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """The same before `see`: the poses (B, F, J, 3) of the one person, and how much larger than the body its box is (B,)."""
        for index in indices:
            yield [(self.poses[index, 0], self._ratios(len(index), self.config.scale_range_test))]

    def see(self, pose: Tensor, ratios: Tensor) -> Tensor:
        """Poses (B, F, J, 3) -> what the model sees of them, (B, 2, F, J, 3), the second person empty."""
        return transforms.crop_scale(transforms.with_empty_person(pose), ratios)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Parts, Tensor]]:
        """Moved clips; the stored clips stay moved. Comes with the labels (B,) of the whole batch, of which the part holds every
        `world`-th from `rank` on."""
        generator = _own_chance(self.poses.device)
        for index in indices:
            if self.config.random_move:
                ends = (
                    torch.rand(4, len(index), 2, device=self.poses.device, generator=generator) * 2
                    - 1
                )
                shift = 0.1 * ends[2:].transpose(0, 1)  # (2, B, 2) -> (B, 2, 2)
                self.poses[index] = transforms.random_move(
                    self.poses[index], math.radians(10) * ends[0], 1 + 0.1 * ends[1], shift
                )
            ratios = self._ratios(len(index), self.config.scale_range_train, generator)
            yield (
                [transforms.crop_scale(self.poses[index[rank::world]], ratios[rank::world])],
                self.labels[index],
            )

    def _ratios(
        self, count: int, bounds: list[float], generator: torch.Generator | None = None
    ) -> Tensor:
        return torch.empty(count, device=self.poses.device).uniform_(
            min(bounds), max(bounds), generator=generator
        )


def _own_chance(device: torch.device) -> torch.Generator:
    """Chance for an epoch's clips: what a model draws meanwhile, in each process something else, does not change what happens to them."""
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, ())))


def make_recipe(
    clips: Clips,
    config: Config,
    skeleton: Skeleton,
    classes: ClassTable,
    device: torch.device,
    training: bool = False,
    in_mirror: np.ndarray | None = None,
) -> DefaultRecipe | ParityRecipe:
    """The configured recipe over `clips`; `training` says what they are for, `in_mirror` (N,) which ones the default recipe sees in a mirror."""
    if config.parity:
        return ParityRecipe(clips, config, skeleton, classes, device, training)
    return DefaultRecipe(clips, config, skeleton, classes, device, in_mirror)
