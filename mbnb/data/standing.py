"""Faults in how the bodies of a data set stand, each with the command that mends it."""

import itertools
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mbnb.clips import Clips
from mbnb.data.checks import Findings
from mbnb.formats import CONVERTERS, to_h36m
from mbnb.formats.anatomy import LOPSIDED, VERY_LOPSIDED, Stance, axes_to_ours, median_of, stance_of
from mbnb.skeleton import Skeleton
from mbnb.text import listed

TRUNK = (0.25, 0.9)  # metres from pelvis to neck between a small child and a giant
TYPICAL_TRUNK = 0.5
UNITS = {0.001: "millimetres, it seems", 0.01: "centimetres, it seems"}
OTHER_SIZE = 3.0  # times as long or as short as the trunks of other clips
NEARLY_ALL = 0.8  # of the clips of a split: the others may just bend
SEVERAL = 3  # clips at least, where most of a split is wrong enough to stop a training

# What may be wrong with a clip, in the order in which it is to be mended.
KINDS = ("flat", "order", "upside-down", "sideways", "crossed", "mirrored", "size")


@dataclass(frozen=True)
class Fault:
    """A kind of fault in some splits: which clips have it (N,), how all stand, their names."""

    kind: str
    flags: dict[str, np.ndarray]
    stances: dict[str, Stance]
    names: dict[str, tuple[str, ...]]

    @property
    def severe(self) -> bool:
        """Whether most clips of these splits have it."""
        return all(_most(flags) for flags in self.flags.values())

    @property
    def stance(self) -> Stance:
        """How the faulty clips stand."""
        return _joined([_rows(self.stances[split], flags) for split, flags in self.flags.items()])

    def counts(self) -> str:
        """How many clips of which splits have it, and the first of them."""
        names = [name for split in self.flags for name in self._faulty(split)]
        counts = " and ".join(
            f"{flags.sum()} of {len(flags)} clips in {split}" for split, flags in self.flags.items()
        )
        return f"{counts} ({listed(names)})"

    def _faulty(self, split: str) -> list[str]:
        return [name for name, bad in zip(self.names[split], self.flags[split]) if bad]

    def command(self, root: Path, options: str) -> str:
        """What turns a copy of the data set in `root` as `options` say."""
        places = "".join(f" --split {split}" for split in self.flags)
        enough = 1.0 if self.kind == "size" else NEARLY_ALL
        where = "" if all(f.mean() >= enough for f in self.flags.values()) else self.kind
        # Two faults at once are mended at once.
        units = {_to_metres(self.stances[split]) for split in self.flags} - {None}
        if len(units) == 1 and not where and self.kind in ("upside-down", "sideways", "mirrored"):
            options += f" --scale {units.pop()}"
        return (
            f"python -m mbnb turn {_quoted(root)} "
            f"{_quoted(root.with_name(root.name + '_turned'))} {options}"
            + (places if set(self.flags) != set(self.names) else "")
            + (f" --where {where}" if where else "")
        )


def faulty(kind: str, stance: Stance) -> np.ndarray:
    """(N,) bool, which clips of a split have that kind of fault."""
    if kind == "order":  # a few may well be badly tracked
        wrong = stance.lopsided > LOPSIDED
        return wrong if _most(wrong) else stance.lopsided > VERY_LOPSIDED
    if kind == "upside-down":
        return stance.upside_down
    if kind == "sideways":  # a few may well lie, or bend; only along z this would be odd
        return stance.sideways if _most(stance.sideways) else stance.along_z & stance.sideways
    if kind == "size":
        if _to_metres(stance):
            return (stance.trunk < TRUNK[0]) | (stance.trunk > TRUNK[1])
        ratio = stance.trunk / median_of(stance.trunk)
        return (ratio > OTHER_SIZE) | (ratio < 1 / OTHER_SIZE)
    return getattr(stance, kind)


def check_standing(
    root: Path,
    splits: dict[str, Clips],
    skeleton: Skeleton,
    findings: Findings,
    without_depth: bool = False,
) -> None:
    """Which way is up, whether left is left, units, and the order of the joints.

    Without depth nothing but the first can be told.

    Most of a split wrong is an error, since a model would learn or be judged on nonsense; a few
    clips are a warning.
    """
    stances = {split: stance_of(clips, skeleton) for split, clips in splits.items() if len(clips)}
    names = {split: splits[split].names for split in stances}
    spoiled: set[str] = set()  # splits with a fault that makes others meaningless
    told = {split: np.zeros(len(clips), bool) for split, clips in names.items()}
    for severe, kind in itertools.product((True, False), KINDS):
        if without_depth and kind != "upside-down":
            continue
        flags = {s: faulty(kind, stances[s]) & ~told[s] for s in stances if s not in spoiled}
        flags = {split: f for split, f in flags.items() if f.any() and _most(f) == severe}
        if kind == "size":  # what is measured in another unit comes last
            flags = {split: f for split, f in flags.items() if not _to_metres(stances[split])}
        if not flags:
            continue
        place = root if len(flags) > 1 else root / next(iter(flags))
        problem = _problem(Fault(kind, flags, stances, names), root, splits, skeleton)
        # Points of a picture can be learned from, if one must.
        (findings.error if severe and kind != "flat" else findings.aloud)(place, problem)
        for split, wrong in flags.items():
            told[split] |= wrong
        spoiled |= set(flags) if severe else set()
    if without_depth:
        return
    _check_units(root, {s: stance for s, stance in stances.items() if s not in spoiled}, findings)


def _problem(fault: Fault, root: Path, splits: dict[str, Clips], skeleton: Skeleton) -> str:
    """What is wrong, in how many clips, and what to do."""
    counts, stance, kind = fault.counts(), fault.stance, fault.kind
    axes = f'--axes "{axes_to_ours(stance)}"'
    if kind == "flat":
        return f"joints lie in a plane, as points of a picture do, and mbnb needs depth: {counts}"
    if kind == "order":
        order = _order_of(splits, fault, skeleton)
        cure = "arrange the joints as data/README.md lists them"
        if order:
            cure = f"it looks like {order}: {fault.command(root, f'--joints {order}')}"
        return (
            f"the joints are in another order: bones of left and right differ "
            f"{np.median(stance.lopsided):.1f}-fold in {counts}; {cure}"
        )
    if kind == "upside-down" and stance.flat.all():
        return f"people stand on their heads, so y is up instead of down, in {counts}: negate it"
    if kind == "upside-down":
        return f"people stand on their heads, so y is up instead of down, in {counts}: " + (
            fault.command(root, axes)
        )
    if kind == "sideways":
        up = stance.up[np.isfinite(stance.up).all(1)].mean(0)
        axis = int(np.abs(up).argmax())
        return (
            f"people stand along {'-' if up[axis] < 0 else ''}{'xyz'[axis]} instead of -y: unless "
            f"they lie, {'xyz'[axis]} is {'down' if up[axis] < 0 else 'up'} in {counts}: "
            f"{fault.command(root, axes)}"
        )
    if kind == "mirrored":
        return _mirror_image(fault, root)
    if kind == "crossed":
        return (
            f"left and right are exchanged in the hips or in the shoulders alone in {counts}: "
            f"compare the order of the joints with data/README.md"
        )
    factor = np.median([median_of(fault.stances[s].trunk) for s in fault.flags])
    factor /= np.median(stance.trunk)
    return (
        f"bodies of another size than in the other clips, {1 / factor:.3g} times as long, in "
        f"{counts}: {fault.command(root, f'--scale {_round(factor)}')}"
    )


def _mirror_image(fault: Fault, root: Path) -> str:
    """Which axis is reversed, as far as that can be told from exchanged names."""
    why, axes = "noses, knees and feet point to people's backs", axes_to_ours(fault.stance)
    if axes == "x y -z":
        cure = fault.command(root, '--axes "x y -z"')
        return f"z is reversed ({why}, and all turn their backs) in {fault.counts()}: {cure}"
    return (
        f"left and right are exchanged ({why}) in {fault.counts()}: if the joints' names are, "
        f"{fault.command(root, '--swap-sides')}; if the pictures are mirrored, the same with "
        f'--axes "-x y z" in place of --swap-sides'
    )


def _order_of(splits: dict[str, Clips], fault: Fault, skeleton: Skeleton) -> str | None:
    """The known format of as many joints in whose order the clips make sense."""
    for name in CONVERTERS:
        fits = []
        for split, flags in fault.flags.items():
            for i in np.flatnonzero(flags)[:SEVERAL]:
                points = splits[split].drawn(i)
                try:
                    pose = to_h36m(points, name)
                except ValueError:  # it has another number of joints
                    break
                one = Clips(pose, np.zeros(1, int), np.array([len(pose)]), ("",), None, ("",))
                fits.append(stance_of(one, skeleton).lopsided[0] < LOPSIDED)
        if fits and all(fits):
            return name
    return None


def _check_units(root: Path, stances: dict[str, Stance], findings: Findings) -> None:
    """Lengths of the trunk against metres."""
    found: dict[str, dict[str, float]] = {}
    for split, stance in stances.items():
        if factor := _to_metres(stance):
            unit = UNITS.get(float(factor), "another unit")
            found.setdefault(unit, {})[split] = median_of(stance.trunk)
    for unit, trunks in found.items():
        flags = {split: faulty("size", stances[split]) for split in trunks}
        factor = _to_metres(_joined([stances[split] for split in trunks]))
        fault = Fault("size", flags, stances, dict.fromkeys(stances, ()))
        lengths = ", ".join(f"{trunk:.3g} in {split}" for split, trunk in trunks.items())
        findings.aloud(
            root if len(trunks) > 1 else root / next(iter(trunks)),
            f"pelvis to neck measures {lengths} in the median: expected metres, {TRUNK[0]} to "
            f"{TRUNK[1]}; found {unit}: "
            f"{fault.command(root, f'--scale {factor}')}",
        )


def _most(flags: np.ndarray) -> bool:
    """Whether so many clips have it that a split is wrong, and not a few of its clips."""
    return len(flags) > 0 and bool(flags.mean() > 0.5 and flags.sum() >= SEVERAL)


def _to_metres(stance: Stance) -> str | None:
    """By what the trunks of most must be multiplied; None where they are as long as people's."""
    trunk = median_of(stance.trunk)
    if np.isnan(trunk) or TRUNK[0] <= trunk <= TRUNK[1]:
        return None
    sizes = [size for size in UNITS if TRUNK[0] <= trunk * size <= TRUNK[1]]
    return _round(sizes[0] if sizes else TYPICAL_TRUNK / trunk)


def _quoted(path: Path) -> str:
    """A path as a terminal takes it: Windows knows double quotes alone."""
    return shlex.quote(str(path)) if os.name == "posix" else f'"{path}"'


def _round(factor: float) -> str:
    """A factor to two digits, or the power of ten that is near."""
    power = 10.0 ** np.round(np.log10(factor))
    return f"{power:g}" if 0.8 < factor / power < 1.25 else f"{factor:.2g}"


def _rows(stance: Stance, flags: np.ndarray) -> Stance:
    return Stance(*(getattr(stance, field.name)[flags] for field in fields(Stance)))


def _joined(stances: Sequence[Stance]) -> Stance:
    return Stance(
        *(np.concatenate([getattr(s, field.name) for s in stances]) for field in fields(Stance))
    )
