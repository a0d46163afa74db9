"""Lifting: joints in pictures -> poses, by an encoder, through recordings of any length.

Shapes: T frames, J joints, B windows, F moments of a window, P frames of a patch.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb.clips import first_rows
from mbnb.config import Config
from mbnb.data.sources import METRES
from mbnb.prepare.geometry import flip, gather_windows, standardise_flat
from mbnb.prepare.streams import fold, to_streams
from mbnb.prepare.windows import cover
from mbnb.skeleton import Skeleton, load_skeleton

# Network: what it sees (B, F / P, J, C) -> poses (B, F, J, 3) in lengths of a trunk.
Lifter = Callable[[Tensor], Tensor]
TRUNK = 0.5  # metres, of a grown person
BATCH = 128  # windows that are lifted at once
SURE = 0.999  # between a moment that was seen and one that was not lies none that was


def lift(
    lifter: Lifter,
    clips: Sequence[Tensor],
    config: Config,
    skeleton: Skeleton,
    belief: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """Places in pictures, N times (T, J, 2) in any unit -> N times (T, J, 3), in trunks.

    Poses are from the root; the rest is as in `through_windows`.
    """
    unit = METRES * TRUNK if config.parity else 1.0  # what a trunk is to the network

    def mean(y: Tensor) -> Tensor:
        straight, mirrored = (y.float().cpu() / unit).chunk(2)
        return (straight + flip(mirrored, skeleton.mirror)) / 2

    lifted = through_windows(lambda x: mean(lifter(x)), clips, config, skeleton, belief)
    return [pose - pose[:, skeleton.root, None] for pose in lifted]


def through_windows(
    network: Callable[[Tensor], Tensor],
    clips: Sequence[Tensor],
    config: Config,
    skeleton: Skeleton,
    belief: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """What a network says of places in pictures, N times (T, J, 2) -> N times (T, N, C).

    `network` sees windows, and after them the same in a mirror, (2·B, F / P, J, C), and says one
    thing of both, (B, F, N, C). Windows overlap by half and cover every frame; where they overlap,
    the nearer a frame is to a window's middle, the more that window counts. belief: N times (T, J),
    from 0 to 1, how much each place is believed; what is not believed at all is hidden from the
    network as in its training. Without it all is seen.
    """
    frames, lengths = torch.cat(list(clips)), torch.tensor([len(clip) for clip in clips])
    if belief is not None:
        frames = torch.cat([frames, torch.cat(list(belief))[..., None]], dim=-1)  # (sum T, J, 3)
    windows: dict[int, list[np.ndarray]] = {}  # by how many moments they have: their frames
    for first, length in zip(first_rows(lengths).tolist(), lengths.tolist()):
        moments, stretch = _window(length, config)
        rows = first + cover(length, stretch, max(1, stretch // 2))
        windows.setdefault((moments, rows.shape[1]), []).append(rows)
    total, weights = torch.zeros(()), torch.zeros(len(frames), 1, 1)
    for (moments, stretch), of_clips in windows.items():
        # (W, stretch) frames of each window
        near = torch.bartlett_window(stretch + 2, periodic=False)[1:-1, None, None]
        batches = torch.as_tensor(np.concatenate(of_clips)).split(BATCH)
        for rows in tqdm(batches, desc="lifting", delay=3):
            said = _see_windows(network, frames, rows, moments, config, skeleton)
            total = total if total.ndim else torch.zeros(len(frames), *said.shape[2:])
            total.index_add_(0, rows.flatten(), (near * said).flatten(0, 1))
            weights.index_add_(0, rows.flatten(), near.repeat(len(rows), 1, 1))
    return list((total / weights).split(lengths.tolist()))


def _window(length: int, config: Config) -> tuple[int, int]:
    """How many moments the network sees of a clip at once, and how many frames that takes."""
    if config.parity:
        return min(length, config.clip_len), min(length, config.clip_len)
    longest = config.clip_len - config.clip_len % config.patch
    rate = config.rate or config.fps
    moments = max(2, round((length - 1) * rate / config.fps) + 1)
    moments = min(longest, max(config.patch, moments - moments % config.patch))
    return moments, min(int((moments - 1) * config.fps / rate) + 1, length)


@torch.no_grad()
def _see_windows(
    network: Callable[[Tensor], Tensor],
    frames: Tensor,
    rows: Tensor,
    moments: int,
    config: Config,
    skeleton: Skeleton,
) -> Tensor:
    """What is said of frames at `rows` (B, stretch) of (sum T, J, 2 or 3): (B, stretch, N, C)."""
    starts, spans = rows[:, 0].double(), (rows[:, -1] - rows[:, 0]).double()
    seen = gather_windows(frames, starts, spans, moments)
    places, belief = seen[..., :2], seen[..., 2:]
    if frames.shape[-1] == 2:
        belief = torch.ones_like(places[..., :1])
    else:
        hidden = (frames[..., 2:] == 0).to(frames.dtype)
        belief = belief * (gather_windows(hidden, starts, spans, moments) <= 1 - SURE)
    flat = standardise_flat(places, skeleton)
    pose = torch.cat([flat, torch.zeros_like(belief)], dim=-1)
    both = torch.cat([pose, flip(pose, skeleton.mirror)])  # (2·B, F, J, 3)
    mirrored = belief[:, :, torch.as_tensor(skeleton.mirror)]
    believed = torch.cat([belief, mirrored])  # (2·B, F, J, 1)
    unit = METRES * TRUNK if config.parity else 1.0  # what a trunk is to the network
    if config.parity:
        x = torch.cat([unit * both[..., :2], torch.ones_like(believed)], dim=-1)
        x = x * torch.cat([believed > 0] * 2 + [believed], dim=-1)
    else:
        seconds = (spans / config.fps).float().repeat(2)
        x = fold(to_streams(both, seconds, config.streams, skeleton), config.patch)
        x = x * (believed > 0).unflatten(1, (-1, config.patch)).all(2)  # -> (2·B, F / P, J, 1)
    said = network(x).float().cpu()
    starts = moments * torch.arange(len(rows), dtype=torch.float64)
    spans = torch.full_like(starts, moments - 1)
    return gather_windows(said.flatten(0, 1), starts, spans, rows.shape[1])


@torch.no_grad()
def lift_flipped(network: nn.Module, x: Tensor, flipped: bool = True) -> Tensor:
    """Poses (B, F, 17, 3) of joints (B, F, 17, 3), the mean with their mirror where `flipped`."""
    mirror, device = load_skeleton().mirror, next(network.parameters()).device
    x = x.to(device)
    y = network(x).float()
    if flipped:
        y = (y + flip(network(flip(x, mirror)).float(), mirror)) / 2
    return y.cpu()


def lift_in_pieces(network: nn.Module, x: Tensor, config: Config) -> Tensor:
    """A recording (T, 17, 3) -> (T, 17, 3) as MotionBERT lifts videos in the wild.

    Windows of `clip_len` one after the other, the last one shorter. Roots are set to zero where
    poses are told from them (`rootrel`), else the depth of the first root of each window alone,
    which bends that pose. x and y are those of the picture where `gt_2d`.
    """
    pieces = []
    for piece in x.split(config.clip_len):
        pose = lift_flipped(network, piece[None], config.flip)[0]
        if config.rootrel:
            pose[:, 0] = 0
        else:
            pose[0, 0, 2] = 0
        pieces.append(torch.cat([piece[..., :2], pose[..., 2:]], -1) if config.gt_2d else pose)
    return torch.cat(pieces)
