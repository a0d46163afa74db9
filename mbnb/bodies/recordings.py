"""Recordings of joints with a body in each: fitted person by person, and kept in data/cache."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.bodies.body import Body
from mbnb.bodies.fit import SIZES, STEPS, fit_person
from mbnb.bodies.rotations import matrix_to_six, six_to_matrix
from mbnb.clips import Clips, digest_of
from mbnb.data.motion import Motion
from mbnb.files import ROOT, replacing

CACHE = ROOT / "data" / "cache" / "bodies"
EVERY = 2  # frames, of which one is fitted; between them bodies turn evenly
VERSION = b"1"  # of the fit, so that an earlier one is not taken for today's


@dataclass(frozen=True)
class Bodies:
    """N clips with a body in each frame, at a rate that is `EVERY` times less than the clips'.

    joints (sum T, 17, 3) as recorded, six (sum T, K, 6) rotations, place (sum T, 3) of the root,
    in metres and the axes of the recordings; lengths (N,); shape (N, S) of whom each is of.
    residual: a row a person, how many frames and how far joints lie from where they were, in mm.
    """

    joints: Tensor
    six: Tensor
    place: Tensor
    lengths: Tensor
    shape: Tensor
    names: tuple[str, ...]
    subjects: tuple[str, ...]
    residual: pd.DataFrame

    def __len__(self) -> int:
        return len(self.lengths)

    def clip(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        """The joints, rotations (T, K, 3, 3) and places of a clip."""
        first = int(self.lengths[:i].sum())
        rows = slice(first, first + int(self.lengths[i]))
        return self.joints[rows], six_to_matrix(self.six[rows]), self.place[rows]


def fit_recordings(data: Motion, body: Body, splits: Iterable[str]) -> dict[str, Bodies]:
    """The clips of each split with bodies in them; whom another run has fitted is not again."""
    splits = [split for split in splits if split in data.splits]
    people = [
        (split, who) for split in splits for who in dict.fromkeys(data.splits[split].subjects)
    ]
    found: dict[str, list[tuple]] = {split: [] for split in splits}
    for split, who in tqdm(people, "fitting bodies", unit="person", delay=3):
        clips = data.splits[split]
        rows = [i for i, subject in enumerate(clips.subjects) if subject == who]
        found[split].append((rows, who, _fitted(clips.take(np.array(rows)), body)))
    return {split: _joined(data.splits[split], found[split]) for split in splits}


def _fitted(clips: Clips, body: Body) -> dict[str, np.ndarray]:
    """One person's fit, from the cache where it is there."""
    frames = [torch.as_tensor(np.asarray(clip[::EVERY], np.float32)) for clip in clips]
    facts = (VERSION, str((STEPS, EVERY, SIZES)).encode(), body.name.encode())
    whose = hashlib.sha256(b"".join((*facts, digest_of(torch.cat(frames).numpy()))))
    path = CACHE / f"fit-{whose.hexdigest()[:16]}.npz"
    if not path.exists():
        fit = fit_person(body, frames, steps=STEPS)
        arrays = dict(
            six=matrix_to_six(torch.cat(fit.rotations)).numpy(),
            place=torch.cat(fit.place).numpy(),
            shape=fit.shape.numpy(),
            residual=fit.residual,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, open(part, "wb") as file:
            np.savez_compressed(file, **{n: a.astype(np.float32) for n, a in arrays.items()})
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files} | {
            "joints": torch.cat(frames).numpy(),
            "lengths": np.array([len(clip) for clip in frames]),
        }


def _joined(clips: Clips, people: list[tuple[list[int], str, dict[str, np.ndarray]]]) -> Bodies:
    """What people's fits are, one after the other."""
    rows = [row for of_person, _, _ in people for row in of_person]
    shapes = [np.repeat(fit["shape"][None], len(of), 0) for of, _, fit in people]
    whole = {
        name: torch.as_tensor(np.concatenate([fit[name] for _, _, fit in people]))
        for name in ("joints", "six", "place", "lengths")
    }
    table = {
        who: {"clips": len(of), "frames": len(fit["joints"]), "residual_mm": fit["residual"].mean()}
        for of, who, fit in people
    }
    return Bodies(
        **whole,
        shape=torch.as_tensor(np.concatenate(shapes)),
        names=tuple(clips.names[row] for row in rows),
        subjects=tuple(clips.subjects[row] for row in rows),
        residual=pd.DataFrame(table).T.rename_axis("person"),
    )


def mean_residual(bodies: Bodies) -> float:
    """The mean over all frames, in mm."""
    return float(np.average(bodies.residual["residual_mm"], weights=bodies.residual["frames"]))
