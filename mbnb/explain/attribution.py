"""What a prediction rests on: parts of the body, joints and frames that speak for a class.

A body is altered bone by bone, so that it stays connected. To hide a joint is to give its bone
(the root's bone is its place) the average direction and length throughout; whatever hangs on the
joint is carried along. With all bones hidden a clip shows the average body, standing still. That
is the reference, in which there is nothing to see.

What is explained are the log-odds of a class, log p / (1 - p). A probability near 1 hides what it
rests on; log-odds grow with every bit of evidence. They are the network's, for one view of the
whole clip and for that clip alone. A prediction may be the mean of further views, and it has a
temperature: both are left out here, so now and then another class is the likeliest.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (occlusion);
Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017 (integrated gradients);
Petsiuk et al., RISE, BMVC 2018 (deletion curves).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.devices import free_memory, pick_device
from mbnb.files import InputError
from mbnb.model.checkpoints import Trained
from mbnb.model.fast import KEEP_SHARE
from mbnb.model.predict import Recipe, clip_bar
from mbnb.prepare import make_recipe
from mbnb.skeleton import Skeleton

SPANS = 8  # parts of a clip, one after the other, that are hidden in turn
STEPS = 16  # from the still body to the clip


@dataclass(frozen=True)
class Importance:
    """What speaks for the classes `targets` (N,) in the clips at `indices` (N,).

    joints: (N, J) each joint's share of what the joints add by integrated gradients. Shares sum
    to 1; a joint that speaks against the class has none.
    frames: N arrays (T_i,), the same by the clip's own frames.
    parts: (N, P) by how much the log-odds fall, in nats, without each of `part_names`; below 0
    where the part speaks against the class.
    """

    indices: np.ndarray
    targets: np.ndarray
    joints: np.ndarray
    frames: list[np.ndarray]
    parts: np.ndarray
    part_names: tuple[str, ...]

    def head(self, count: int) -> "Importance":
        """Of the first `count` clips."""
        return Importance(
            self.indices[:count],
            self.targets[:count],
            self.joints[:count],
            self.frames[:count],
            self.parts[:count],
            self.part_names,
        )


class Explainer:
    """A trained network that looks at the N clips at `which` with bones altered.

    targets: (N,) the class to explain in each clip; without it, the likeliest one.
    which: indices of the clips; without it, all of them.
    background: the clips whose average body is the reference; without it, all of `clips`. The
    attribute `still` (J, 3) holds the bones of that body, in the recipe's unit.

    Raises InputError for clips and classes that do not exist, and for a network of other joints
    or classes.
    """

    def __init__(
        self,
        trained: Trained,
        clips: Clips,
        skeleton: Skeleton,
        classes: ClassTable,
        config: Config,
        targets: Sequence[int] | None = None,
        which: Sequence[int] | None = None,
        background: Clips | None = None,
    ):
        self.model, self.skeleton, self.config = trained.model, skeleton, config
        self.device = pick_device(config)
        self.indices = np.arange(len(clips)) if which is None else np.asarray(which, np.int64)
        _check(trained, clips, skeleton, classes, self.indices)
        self.model.to(self.device).eval()
        self.to_joints, self.to_bones = (
            torch.as_tensor(matrix, dtype=torch.float32, device=self.device)
            for matrix in (skeleton.ancestry, skeleton.differences)
        )
        self.lengths = clips.lengths[self.indices]
        about = trained.config, skeleton, classes, self.device
        self.recipe = make_recipe(clips, *about, mask=self.model.masks)
        self.still = self._average_bones(
            make_recipe(background, *about) if background else self.recipe
        )
        if targets is None:
            self.targets = self.logits(lambda rows, bones: [bones], "explaining")[:, 0].argmax(1)
        else:
            self.targets = self._checked_targets(targets, len(classes))

    def logits(
        self, bodies: Callable[[Tensor, Tensor], Iterable[Tensor]], description: str = ""
    ) -> Tensor:
        """Logits (N, V, C) of the V bodies that `bodies` makes of each clip.

        `bodies` is called with the clips' places among the N (B,) and their bones (B, F, J, 3).
        """
        logits_of: dict[int, Tensor] = {}
        with torch.no_grad():
            for rows, bones, extras in self._with_progress(description):
                logits = [
                    self._classify(self._features(body, extras)) for body in bodies(rows, bones)
                ]
                logits_of |= dict(zip(rows.tolist(), torch.stack(logits, dim=1)))
        return torch.stack([logits_of[row] for row in range(len(self.indices))])

    def log_odds(self, logits: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """Logits (B, V, C) of the clips at `rows` -> log-odds (B, V) of their targets, in nats."""
        target = self.targets[rows][:, None, None].expand(*logits.shape[:2], 1)
        others = logits.scatter(2, target, -torch.inf)
        return logits.gather(2, target)[..., 0] - others.logsumexp(2)

    def occlusion(self, by: str = "part") -> np.ndarray:
        """By how much the target's log-odds fall without each part, joint or span.

        Returns (N, P) for `by` "part", parts of the body; (N, J) for "joint"; (N, SPANS) for
        "span", spans of the clip. Raises InputError for another `by`.

        In a hidden span each bone goes straight from where it was before to where it is
        afterwards; at an end of the clip it stays there. A posture that is held beyond the span
        is not hidden, so what is lost is what only these frames show. The still body would come
        and go in a jump instead.
        """
        if by == "span":
            return self._losses(lambda bones: bridge_spans(bones, self.still))
        if by not in ("part", "joint"):
            raise InputError(f"what to hide: expected part, joint or span, found {by!r}")
        groups = self.skeleton.parts if by == "part" else self.skeleton.joints
        hidden = torch.tensor(
            [[group == name for group in groups] for name in dict.fromkeys(groups)],
            device=self.device,
        )  # (V, J)
        return self._losses(lambda bones: (self.without(bones, joints) for joints in hidden))

    def without(self, bones: Tensor, hidden: Tensor) -> Tensor:
        """Bones (B, F, J, 3) with those `hidden`, bool (J,) or (B, 1, J), as in the still body."""
        return torch.where(hidden[..., None], self.still, bones)

    def integrated_gradients(self, steps: int = STEPS) -> list[np.ndarray]:
        """What each joint's bone adds to the target's log-odds at each frame of its clip.

        Returns N arrays (J, T_i), in nats. A clip's values sum to its log-odds less those of the
        still body, but for the error of taking `steps` midpoints on the straight way from what
        the network sees of the one to what it sees of the other. Bones are set in one after the
        other, to share out what they change of it; the default recipe is linear, so there their
        order does not matter. A velocity counts for the moment that shows it, and all frames of a
        moment (`patch`) count alike.
        """
        cells: dict[int, np.ndarray] = {}
        joint_order = torch.arange(len(self.skeleton), device=self.device)
        for rows, bones, extras in self._with_progress("integrating gradients"):
            start = self._features(self.still.expand_as(bones), extras)
            end = self._features(bones, extras)
            slope = self._mean_gradient(start, end, rows, steps)
            before, added = start, []
            for joint in joint_order:
                after = self._features(self.without(bones, joint_order > joint), extras)
                # (B, M, F / patch, J, C) -> (B, F / patch)
                change = (after - before).nan_to_num()  # what was not seen changes nothing
                added.append((slope * change).sum((1, 3, 4)))
                before = after
            moments = torch.stack(added, dim=1).double().cpu().numpy()  # (B, J, F / patch)
            for row, values in zip(rows.tolist(), moments):
                cells[row] = spread_over_frames(values, self.lengths[row])
        return [cells[row] for row in range(len(self.indices))]

    def _mean_gradient(self, start: Tensor, end: Tensor, rows: Tensor, steps: int) -> Tensor:
        """The target's gradient, the mean over the way from `start` to `end`; of their shape."""
        total = torch.zeros_like(start)
        for step in range(steps):
            x = torch.lerp(start, end, (step + 0.5) / steps).requires_grad_()
            odds = self.log_odds(self._classify(x)[:, None], rows)
            total += torch.autograd.grad(odds.sum(), x)[0]
        return total / steps

    def _losses(self, alter: Callable[[Tensor], Iterable[Tensor]]) -> np.ndarray:
        """(N, V) by how much log-odds are lower for the V bodies that `alter` makes of bones."""
        odds = self.log_odds(
            self.logits(lambda rows, bones: chain([bones], alter(bones)), "hiding")
        )
        return (odds[:, :1] - odds[:, 1:]).cpu().numpy()

    def _features(self, bones: Tensor, extras: tuple[Tensor, ...]) -> Tensor:
        """Bones (B, F, J, 3) -> what the network sees, (B, M, F / patch, J, C)."""
        return self.recipe.see(torch.einsum("jk,bfkc->bfjc", self.to_joints, bones), *extras)

    def _classify(self, x: Tensor) -> Tensor:
        """(B, M, F / patch, J, C) -> logits (B, classes) without those that further heads add."""
        return self.model(x)[:, : self.model.head.sizes[0]]

    def _average_bones(self, recipe: Recipe) -> Tensor:
        """(J, 3) the mean over all frames of a recipe's clips."""
        total, frames = torch.zeros(len(self.skeleton), 3, device=self.device), 0
        for _, bones, _ in self.groups(recipe, np.arange(len(recipe))):
            total = total + bones.sum((0, 1))  # (B, F, J, 3) -> (J, 3)
            frames += bones.shape[0] * bones.shape[1]
        return total / frames

    def _checked_targets(self, targets: Sequence[int], classes: int) -> Tensor:
        """(N,) the targets; InputError where they are not N ids of classes."""
        ids = np.asarray(targets, np.int64)
        if ids.shape != self.indices.shape or not ((0 <= ids) & (ids < classes)).all():
            raise InputError(
                f"classes to explain: expected {len(self.indices)} from 0 to {classes - 1}, "
                f"found {ids.tolist()}"
            )
        return torch.as_tensor(ids, device=self.device)

    def _with_progress(
        self, description: str
    ) -> Iterator[tuple[Tensor, Tensor, tuple[Tensor, ...]]]:
        """`groups` of the clips to explain, with a bar."""
        with clip_bar(len(self.indices), description) as bar:
            for group in self.groups(self.recipe, self.indices):
                yield group
                bar.update(len(group[0]))

    def groups(
        self, recipe: Recipe, indices: np.ndarray
    ) -> Iterator[tuple[Tensor, Tensor, tuple[Tensor, ...]]]:
        """Clips of one length, as many at once as memory holds gradients of.

        Yields places in `indices` (B,), bones (B, F, J, 3), and what `recipe.see` wants besides.
        """
        indices = torch.as_tensor(indices)
        batches = recipe.frames_of[indices].argsort(stable=True).split(self.config.batch_size * 4)
        memory = free_memory(self.device) * KEEP_SHARE[self.device.type]
        tokens = memory / self.model.backbone.bytes_per_token
        for batch, groups in zip(batches, recipe.test_poses(indices[batch] for batch in batches)):
            parts = batch.split([len(pose) for pose, *_ in groups])
            for rows, (pose, *extras) in zip(parts, groups):
                tokens_per_clip = pose.shape[1] * pose.shape[2] / recipe.config.patch
                at_once = max(1, int(tokens / tokens_per_clip))
                bones = torch.einsum("jk,bfkc->bfjc", self.to_bones, pose)
                further = zip(*(extra.split(at_once) for extra in extras))
                yield from zip(rows.split(at_once), bones.split(at_once), further)


def explain(
    trained: Trained,
    clips: Clips,
    skeleton: Skeleton,
    classes: ClassTable,
    config: Config,
    targets: Sequence[int] | None = None,
    which: Sequence[int] | None = None,
    background: Clips | None = None,
    steps: int = STEPS,
) -> Importance:
    """What a trained network's predictions of clips rest on; arguments as for `Explainer`."""
    explainer = Explainer(trained, clips, skeleton, classes, config, targets, which, background)
    cells = explainer.integrated_gradients(steps)
    return Importance(
        explainer.indices,
        explainer.targets.cpu().numpy(),
        np.stack([_shares(values.sum(1)) for values in cells]),
        [_shares(values.sum(0)) for values in cells],
        explainer.occlusion(),
        tuple(dict.fromkeys(skeleton.parts)),
    )


def deletion_curve(
    importance: Importance,
    trained: Trained,
    clips: Clips,
    skeleton: Skeleton,
    classes: ClassTable,
    config: Config,
    background: Clips | None = None,
    steps: int = 8,
    seeds: int = 3,
) -> pd.DataFrame:
    """The mean probability of the explained classes while more and more joints are hidden.

    A row for each `share` of joints. In the column `important` the most important joints go
    first; `random` is the mean of `seeds` random orders. The faster the first falls below the
    second, the more is to be believed of the importance.
    """
    explainer = Explainer(
        trained,
        clips,
        skeleton,
        classes,
        config,
        importance.targets,
        importance.indices,
        background,
    )
    counts = np.linspace(0, len(skeleton), steps + 1).round().astype(int)
    joints = np.tile(np.arange(len(skeleton)), (len(importance.joints), 1))  # (N, J)
    by_importance = np.argsort(-importance.joints, axis=1, kind="stable")  # (N, J)
    by_chance = [np.random.default_rng(seed).permuted(joints, axis=1) for seed in range(seeds)]
    return pd.DataFrame(
        {
            "share": counts / len(skeleton),
            "important": _while_hidden(explainer, by_importance, counts),
            "random": np.mean(
                [_while_hidden(explainer, order, counts) for order in by_chance], axis=0
            ),
        }
    )


def _while_hidden(explainer: Explainer, order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The targets' mean probability with the first `counts` joints of `order` (N, J) hidden."""
    turn = torch.as_tensor(order.argsort(1), device=explainer.device)[:, None]  # (N, 1, J)
    logits = explainer.logits(
        lambda rows, bones: (explainer.without(bones, turn[rows] < count) for count in counts),
        "deleting",
    )
    of_targets = logits.softmax(2)[torch.arange(len(logits)), :, explainer.targets]  # (N, counts)
    return of_targets.double().mean(0).cpu().numpy()


def areas(curve: pd.DataFrame) -> pd.Series:
    """The area under each deletion curve: the mean probability on the way to the still body."""
    return pd.Series(
        {name: np.trapezoid(curve[name], curve["share"]) for name in ("important", "random")}
    )


def by_region(importance: Importance, classes: ClassTable) -> pd.DataFrame:
    """Each part's share of what predictions lose without it, by the explained class' region.

    A row a region, a column a part of the body, and the number of `clips`. Parts that are called
    like regions stand in the order of these, then the others. Losses are means over clips; those
    below 0 count 0. A region without clips has no shares.
    """
    names = classes.region_names
    parts = sorted(importance.part_names, key=lambda part: (*names, part).index(part))
    regions = np.array(classes.regions)[importance.targets]
    losses = (
        pd.DataFrame(importance.parts, columns=importance.part_names)
        .groupby(regions)
        .mean()
        .clip(lower=0)
        .reindex(index=names, columns=parts)
    )
    clips = [int((regions == name).sum()) for name in names]
    return losses.div(losses.sum(axis=1), axis=0).assign(clips=clips)


def bridge_spans(bones: Tensor, still: Tensor) -> Iterator[Tensor]:
    """Bones (B, F, J, 3) with each span of frames bridged in turn.

    Where a span leaves no frame before or after it, the still body (J, 3) stands there.
    """
    frames = bones.shape[1]
    for first, last in pairwise(np.linspace(0, frames, SPANS + 1).round().astype(int).tolist()):
        length = last - first
        neighbours = [place for place in (first - 1, last) if 0 <= place < frames]
        ends = [bones[:, place, None] for place in neighbours] or [still]  # each (B, 1, J, 3)
        share = torch.arange(1, length + 1, device=bones.device) / (length + 1)
        body = bones.clone()
        body[:, first:last] = torch.lerp(ends[0], ends[-1], share[:, None, None])  # (length, 1, 1)
        yield body


def spread_over_frames(values: np.ndarray, frames: int) -> np.ndarray:
    """(J, M) of M equal parts of a clip -> (J, `frames`), spread evenly, so that sums stay."""
    sums = np.pad(values.cumsum(1), ((0, 0), (1, 0)))  # (J, M + 1)
    part_ends, frame_ends = np.linspace(0, 1, values.shape[1] + 1), np.linspace(0, 1, frames + 1)
    return np.diff([np.interp(frame_ends, part_ends, row) for row in sums], axis=1)


def _check(
    trained: Trained,
    clips: Clips,
    skeleton: Skeleton,
    classes: ClassTable,
    indices: np.ndarray,
) -> None:
    """Raise InputError where the network does not fit the data, or clips do not exist."""
    joints, outputs = trained.model.feat_J, trained.model.head.sizes[0]
    faults = []
    if (joints, outputs) != (len(skeleton), len(classes)):
        faults.append(
            f"the model was trained on {joints} joints and {outputs} classes, "
            f"the data have {len(skeleton)} and {len(classes)}"
        )
    if not len(indices) or not ((0 <= indices) & (indices < len(clips))).all():
        faults.append(
            f"clips to explain: expected some of 0 to {len(clips) - 1}, found {indices.tolist()}"
        )
    if faults:
        raise InputError("\n".join(faults))


def _shares(values: np.ndarray) -> np.ndarray:
    """(K,) of any sign -> each one's share of those above 0; all 0 where there are none."""
    positive = values.clip(min=0)
    return positive / (positive.sum() or 1)
