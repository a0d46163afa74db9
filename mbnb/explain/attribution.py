"""Why a model says what it says: what its answer loses without a part of the body, and what each joint adds to it at each moment.

Bodies are altered bone by bone, so that they stay connected: to hide a joint is to give its bone (the root's is its place) the average
direction and length throughout, and whatever hangs on the joint is carried along. With all of its bones hidden so, a clip shows the average
body, standing still. That is the reference in which there is nothing to see.

What is explained is the log-odds of a class, log p / (1 - p): a probability near 1 hides what it rests on, log-odds grow with every bit of
evidence. They are those of one view of the whole clip, without the further views, the shift of a person (`adapt`) and the temperature
that predictions may have, so now and then another class is the likeliest here.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (occlusion); Sundararajan et al., Axiomatic Attribution
for Deep Networks, ICML 2017 (integrated gradients); Petsiuk et al., RISE, BMVC 2018 (deletion curves).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.devices import free_memory, pick_device
from mbnb.files import InputError
from mbnb.model.checkpoints import Trained
from mbnb.prepare.recipe import DefaultRecipe, ParityRecipe, make_recipe
from mbnb.skeleton import Skeleton
from mbnb.train.loop import KEEP_SHARE

SPANS = 8  # parts of a clip, one after the other, that are hidden in turn
STEPS = 16  # from the still body to the clip


@dataclass(frozen=True)
class Importance:
    """What speaks for class `targets` (N,) in the clips at `indices` (N,).

    joints: (N, J) shares of what each joint adds, as seen by integrated gradients; they sum to 1, and what speaks against the class counts 0.
    frames: N arrays (T_i,), the same by the clip's own frames.
    parts: (N, P) by how much the log-odds fall, in nats, without each of `part_names`; below 0 where the part speaks against the class.
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
    """A trained model that looks at the N clips at `which` (all of them by itself) with bones altered.

    targets: (N,) the class to explain in each, by itself the likeliest. background: the clips whose average body is the reference, by itself
    all of `clips`; `still` (J, 3) are its bones, in the recipe's unit. Those `in_mirror` (N,), of left-handed people,
    are looked at in a mirror. Raises InputError for indices and classes that there are not, and for a model that does not fit.
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
        self.model, self.skeleton, self.config, self.device = (
            trained.model,
            skeleton,
            config,
            pick_device(config),
        )
        self.indices = np.arange(len(clips)) if which is None else np.asarray(which, np.int64)
        expected = (len(skeleton), len(classes))
        if (found := (self.model.feat_J, self.model.head.sizes[0])) != expected:
            raise InputError(
                f"the model was trained on {found[0]} joints and {found[1]} classes, the data have {expected[0]} and {expected[1]}"
            )
        if not len(self.indices) or not ((0 <= self.indices) & (self.indices < len(clips))).all():
            raise InputError(
                f"clips to explain: expected some of 0 to {len(clips) - 1}, found {self.indices.tolist()}"
            )
        self.model.to(self.device).eval()
        self.to_joints, self.to_bones = (
            torch.as_tensor(matrix, dtype=torch.float32, device=self.device)
            for matrix in (skeleton.ancestry, skeleton.differences)
        )
        self.lengths = clips.lengths[self.indices]
        in_mirror = trained.in_mirror(clips, skeleton, config)
        self.in_mirror = (
            np.zeros(len(self.indices), bool) if in_mirror is None else in_mirror[self.indices]
        )
        self.recipe = make_recipe(
            clips, trained.config, skeleton, classes, self.device, in_mirror=in_mirror
        )
        reference = (
            make_recipe(background, trained.config, skeleton, classes, self.device)
            if background
            else self.recipe
        )
        bones = [
            (group.sum((0, 1)), group[..., 0, 0].numel())
            for _, group, _ in self._groups(reference, np.arange(len(reference)))
        ]
        self.still = sum(total for total, _ in bones) / sum(count for _, count in bones)  # (J, 3)
        likeliest = self.logits(lambda rows, bones: [bones], "explaining")[:, 0].argmax(1)
        self.targets = (
            likeliest
            if targets is None
            else torch.as_tensor(np.asarray(targets, np.int64), device=self.device)
        )
        if (
            self.targets.shape != likeliest.shape
            or not ((0 <= self.targets) & (self.targets < len(classes))).all()
        ):
            raise InputError(
                f"classes to explain: expected {len(likeliest)} from 0 to {len(classes) - 1}, found {self.targets.tolist()}"
            )

    def logits(
        self, bodies: Callable[[Tensor, Tensor], Iterable[Tensor]], description: str = ""
    ) -> Tensor:
        """(N, V, C) of the V bodies that `bodies` makes of clips' places among the N (B,) and their bones (B, F, J, 3)."""
        found = [None] * len(self.indices)
        with torch.no_grad():
            for rows, bones, about in self._bar(description):
                seen = torch.stack(
                    [self._classes(self._see(body, about)) for body in bodies(rows, bones)], dim=1
                )
                for row, logits in zip(rows.tolist(), seen):
                    found[row] = logits
        return torch.stack(found)

    def log_odds(self, logits: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """(B, V, C) of the clips at `rows` -> (B, V) of their target classes, in nats."""
        target = self.targets[rows][:, None, None].expand(*logits.shape[:2], 1)
        return logits.gather(2, target)[..., 0] - logits.scatter(2, target, -torch.inf).logsumexp(2)

    def occlusion(self, by: str = "part") -> np.ndarray:
        """(N, P), (N, J) or (N, SPANS): by how much the target's log-odds fall without each 'part' of the body, 'joint' or 'span' of the clip.

        In a hidden span each bone goes straight from where it was before to where it is afterwards (at an end of the clip it stays
        there), so a posture that is held beyond the span is not hidden: what is lost is what only these frames show. The still body
        would come and go in a jump instead. Raises InputError for another `by`.
        """
        if by == "span":
            return self._drops(lambda bones: _without_spans(bones, self.still))
        if by not in ("part", "joint"):
            raise InputError(f"what to hide: expected part, joint or span, found {by!r}")
        groups = self.skeleton.parts if by == "part" else self.skeleton.joints
        hidden = torch.tensor(
            [[group == name for group in groups] for name in dict.fromkeys(groups)],
            device=self.device,
        )  # (V, J)
        return self._drops(lambda bones: (self.without(bones, joints) for joints in hidden))

    def without(self, bones: Tensor, hidden: Tensor) -> Tensor:
        """Bones (B, F, J, 3) with those that are `hidden`, (J,) or (B, 1, J) of bool, as in the still body."""
        return torch.where(hidden[..., None], self.still, bones)

    def at_sides(self, joints: np.ndarray) -> np.ndarray:
        """(N, J, ...) of joints as the clips have them, those of each clip that is looked at in a mirror with left and right exchanged; or back."""
        return np.stack(
            [
                values[list(self.skeleton.mirror)] if turned else values
                for values, turned in zip(joints, self.in_mirror)
            ]
        )

    def integrated_gradients(self, steps: int = STEPS) -> list[np.ndarray]:
        """N arrays (J, T_i): what each joint's bone adds to the target's log-odds, in nats, at each of the clip's frames.

        The sum over a clip is its log-odds less those of the still body, but for the error of `steps` midpoints on the straight way from
        what the model sees of the one to what it sees of the other. Bones are set in one after the other to share out what they change of
        it; with the default recipe, which is linear, their order does not matter. A velocity counts for the moment that shows it, and
        all frames of a moment (`patch`) count alike.
        """
        found = [None] * len(self.indices)
        order = torch.arange(len(self.skeleton), device=self.device)
        for rows, bones, about in self._bar("integrating gradients"):
            seen = self._see(bones, about)
            still = self._see(self.still.expand_as(bones), about)
            slope = torch.zeros_like(seen)
            for step in range(steps):
                x = torch.lerp(still, seen, (step + 0.5) / steps).requires_grad_()
                slope += (
                    torch.autograd.grad(self.log_odds(self._classes(x)[:, None], rows).sum(), x)[0]
                    / steps
                )
            added = []
            for joint in order:
                now = self._see(self.without(bones, order > joint), about)
                added.append(
                    (slope * (now - still)).sum((1, 3, 4))
                )  # (B, M, F / patch, J, C) -> (B, F / patch)
                still = now
            for row, values in zip(rows.tolist(), torch.stack(added, dim=1).double().cpu().numpy()):
                found[row] = _at_frames(values, self.lengths[row])
        return found

    def _drops(self, altered: Callable[[Tensor], Iterable[Tensor]]) -> np.ndarray:
        """(N, V) what the V bodies that `altered` makes of bones (B, F, J, 3) lack of the target's log-odds."""
        odds = self.log_odds(
            self.logits(lambda rows, bones: chain([bones], altered(bones)), "hiding")
        )
        return (odds[:, :1] - odds[:, 1:]).cpu().numpy()

    def _see(self, bones: Tensor, about: Tensor) -> Tensor:
        """Bones (B, F, J, 3) -> what the model sees, (B, M, F / patch, J, C)."""
        return self.recipe.see(torch.einsum("jk,bfkc->bfjc", self.to_joints, bones), about)

    def _classes(self, x: Tensor) -> Tensor:
        """(B, M, F / patch, J, C) -> logits (B, classes), without those of mirrored clips and of regions."""
        return self.model(x)[:, : self.model.head.sizes[0]]

    def _bar(self, description: str = "") -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """`_groups` of the clips to explain, with progress."""
        with tqdm(
            total=len(self.indices),
            desc=description,
            unit="clip",
            delay=2,
            mininterval=0.5,
            leave=False,
            disable=not description,
        ) as bar:
            for group in self._groups(self.recipe, self.indices):
                yield group
                bar.update(len(group[0]))

    def _groups(
        self, recipe: DefaultRecipe | ParityRecipe, indices: np.ndarray
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Clips of one length, no more than memory bears gradients of: places in `indices` (B,), bones (B, F, J, 3), what `recipe.see` wants beside them."""
        indices = torch.as_tensor(indices)
        batches = recipe.frames_of[indices].argsort(stable=True).split(self.config.batch_size * 4)
        tokens = (
            free_memory(self.device)
            * KEEP_SHARE[self.device.type]
            / self.model.backbone.bytes_per_token
        )
        for batch, groups in zip(batches, recipe.test_poses(indices[batch] for batch in batches)):
            for rows, (pose, about) in zip(batch.split([len(pose) for pose, _ in groups]), groups):
                most = max(1, int(tokens / (pose.shape[1] * pose.shape[2] / recipe.config.patch)))
                bones = torch.einsum("jk,bfkc->bfjc", self.to_bones, pose)
                yield from zip(rows.split(most), bones.split(most), about.split(most))


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
    """Explain what a trained model says of clips, as `Explainer` takes them."""
    explainer = Explainer(trained, clips, skeleton, classes, config, targets, which, background)
    added = explainer.integrated_gradients(steps)
    return Importance(
        explainer.indices,
        explainer.targets.cpu().numpy(),
        explainer.at_sides(np.stack([_shares(cells.sum(1)) for cells in added])),
        [_shares(cells.sum(0)) for cells in added],
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
    """The mean probability of the explained classes while joints are hidden, `share` of them: the most important ones first
    (`important`), or in random orders (`random`, the mean of `seeds` orders). The faster the first falls below the second, the more is to the importance."""
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

    def probabilities(order: np.ndarray) -> np.ndarray:
        """(steps + 1,) for joints hidden in `order` (N, J)."""
        place = torch.as_tensor(order.argsort(1), device=explainer.device)[
            :, None
        ]  # (N, 1, J) when each is hidden
        seen = explainer.logits(
            lambda rows, bones: (explainer.without(bones, place[rows] < count) for count in counts),
            "deleting",
        )
        return (
            seen.softmax(2)[torch.arange(len(seen)), :, explainer.targets]
            .double()
            .mean(0)
            .cpu()
            .numpy()
        )

    joints = np.tile(np.arange(len(skeleton)), (len(importance.joints), 1))
    return pd.DataFrame(
        {
            "share": counts / len(skeleton),
            "important": probabilities(
                np.argsort(-explainer.at_sides(importance.joints), axis=1, kind="stable")
            ),
            "random": np.mean(
                [
                    probabilities(np.random.default_rng(seed).permuted(joints, axis=1))
                    for seed in range(seeds)
                ],
                axis=0,
            ),
        }
    )


def areas(curve: pd.DataFrame) -> pd.Series:
    """The area under each deletion curve: the mean probability on the way to the still body."""
    return pd.Series(
        {name: np.trapezoid(curve[name], curve["share"]) for name in ("important", "random")}
    )


def by_region(importance: Importance, classes: ClassTable) -> pd.DataFrame:
    """A row a region of the body, that of the explained class: for every part of the body its share of what the answer loses, and the number of `clips`.

    The losses are means over clips, and those below 0 count 0; a region without clips has no shares.
    """
    regions = np.array(classes.regions)[importance.targets]
    losses = (
        pd.DataFrame(importance.parts, columns=importance.part_names)
        .groupby(regions)
        .mean()
        .clip(lower=0)
        .reindex(classes.region_names)
    )
    return losses.div(losses.sum(axis=1), axis=0).assign(
        clips=[int((regions == name).sum()) for name in classes.region_names]
    )


def _without_spans(bones: Tensor, still: Tensor) -> Iterator[Tensor]:
    """Bones (B, F, J, 3) with each span of frames bridged in turn; the still body where nothing is left."""
    frames = bones.shape[1]
    for first, last in pairwise(np.linspace(0, frames, SPANS + 1).round().astype(int).tolist()):
        body = bones.clone()
        ends = [bones[:, place, None] for place in (first - 1, last) if 0 <= place < frames] or [
            still
        ]  # each (B, 1, J, 3)
        share = torch.arange(1, last - first + 1, device=bones.device)[:, None, None] / (
            last - first + 1
        )  # (frames of the span, 1, 1)
        body[:, first:last] = torch.lerp(ends[0], ends[-1], share)
        yield body


def _at_frames(values: np.ndarray, frames: int) -> np.ndarray:
    """(J, M) of M equal parts of a clip -> (J, `frames`); each part's value is spread evenly, so sums stay."""
    sums = np.pad(values.cumsum(1), ((0, 0), (1, 0)))  # (J, M + 1)
    own, seen = np.linspace(0, 1, frames + 1), np.linspace(0, 1, values.shape[1] + 1)
    return np.diff([np.interp(own, seen, row) for row in sums], axis=1)


def _shares(values: np.ndarray) -> np.ndarray:
    """(K,) of any sign -> each one's share of those above 0; all 0 where there are none."""
    above = values.clip(min=0)
    return above / (above.sum() or 1)
