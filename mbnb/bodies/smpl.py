"""SMPL from the file of a user who has it; its makers give it out, not for commercial use.

A `.npz` with its arrays, or its pickle, whose objects of `chumpy` and scipy are read for their
numbers alone. Beside it lies the regressor of Human3.6M's joints, `J_regressor_h36m*.npy`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.files import InputError
from mbnb.formats.pickles import read_pickle

EXPECTED = "SMPL's arrays v_template, shapedirs, posedirs, J_regressor, weights, kintree_table, f"
ARRAYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
NAMES = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar"),
    *("right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hand", "right_hand"),
)
SIDES = {"left": "right", "right": "left"}
SHAPES = 10  # numbers of a shape that MotionBERT's heads tell
ROOT = 2**32 - 1  # the parent of the first joint, in unsigned numbers


def read_smpl(path: Path) -> Body:
    """SMPL of an `.npz` or a `.pkl`. Raises InputError that says what is missing."""
    path = Path(path)
    regressors = sorted(path.parent.glob("J_regressor_h36m*.npy"))
    if not regressors:
        raise InputError(
            f"{path.parent}: expected J_regressor_h36m_correct.npy (17, V) beside the body, which "
            "tells Human3.6M's joints of its vertices; MotionBERT's data for meshes has it"
        )
    arrays = _of_npz(path) if path.suffix.lower() == ".npz" else _of_pickle(path)
    landmarks = np.load(regressors[-1], allow_pickle=False)
    if landmarks.shape != (17, len(arrays["v_template"])):
        raise InputError(
            f"{regressors[-1]}: expected (17, {len(arrays['v_template'])}), found {landmarks.shape}"
        )
    return of_arrays(arrays, landmarks, path.stem).to(torch.float32)


def _of_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS if name in file}
    except Exception as error:  # numpy and zipfile raise a different kind for every sort of damage
        raise InputError(f"{path}: expected {EXPECTED} ({error})") from None
    return _checked(path, arrays)


def _of_pickle(path: Path) -> dict[str, np.ndarray]:
    content = read_pickle(path, EXPECTED, OBJECTS)
    content = content if isinstance(content, dict) else {}
    arrays = {name: content[name] for name in ARRAYS if name in content}
    numbers = {n: a.numbers() if isinstance(a, _Numbers) else a for n, a in arrays.items()}
    return _checked(path, numbers)


def _checked(path: Path, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays where their shapes go together; all faults at once where they do not."""
    wrong = [f"no {name}" for name in ARRAYS if not isinstance(arrays.get(name), np.ndarray)]
    if not wrong:
        vertices, joints = len(arrays["v_template"]), arrays["kintree_table"].shape[-1]
        wanted = {
            "v_template": (vertices, 3),
            "shapedirs": (vertices, 3, None),
            "posedirs": (vertices, 3, 9 * (joints - 1)),
            "J_regressor": (joints, vertices),
            "weights": (vertices, joints),
            "kintree_table": (2, joints),
            "f": (None, 3),
        }
        for name, shape in wanted.items():
            found = arrays[name].shape
            same = len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape))
            if not same or arrays[name].dtype.kind not in "fiu":
                wrong.append(f"{name} {found}, not {shape}")
    if wrong:
        raise InputError(f"{path}: expected {EXPECTED}, found {'; '.join(wrong)}")
    return arrays


def of_arrays(arrays: Mapping[str, Any], landmarks: Any, name: str) -> Body:
    """A body of the arrays of `ARRAYS`, metres, in float64; landmarks (17, V) of its vertices."""
    template, shapes, posed, regressor, weights = (_float(arrays[key]) for key in ARRAYS[:5])
    parents = np.asarray(arrays["kintree_table"], np.int64)[0]
    shapes = shapes[..., :SHAPES].permute(2, 0, 1)  # (V, 3, S) -> (S, V, 3)
    count = len(regressor)
    names = NAMES if count == len(NAMES) else tuple(f"joint{k}" for k in range(count))
    return Body(
        name=name,
        names=names,
        parents=(-1, *parents[1:].tolist()),
        mirror=tuple(map(names.index, map(_other_side, names))),
        template=template,
        shapes=shapes,
        rest=regressor @ template,
        joint_shapes=regressor @ shapes,
        weights=weights,
        landmarks=torch.cat(
            [_float(landmarks), torch.zeros(17, count, dtype=torch.float64)], dim=1
        ),
        faces=torch.as_tensor(np.asarray(arrays["f"], np.int64)),
        correctives=posed.flatten(0, 1).T,  # (V, 3, 9·(K - 1)) -> (9·(K - 1), V·3)
    )


def _other_side(name: str) -> str:
    side, _, rest = name.partition("_")
    return f"{SIDES[side]}_{rest}" if side in SIDES else name


def _float(array: Any) -> Tensor:
    return torch.as_tensor(np.asarray(array, np.float64))  # of any order of bytes


class _Numbers:
    """What stands for an object of another package in a pickle: its state, without its code."""

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def numbers(self) -> np.ndarray | None:
        """The array of chumpy's Ch, or of scipy's compressed columns; None for anything else."""
        if isinstance(self.state.get("x"), np.ndarray):
            return self.state["x"]
        parts = [self.state.get(name) for name in ("data", "indices", "indptr")]
        shape = self.state.get("_shape")
        if not all(isinstance(part, np.ndarray) for part in parts) or not shape:
            return None
        from scipy.sparse import csc_matrix

        try:
            matrix = csc_matrix(tuple(parts), shape=shape)
            matrix.check_format()
            return matrix.toarray() if np.prod(shape) < 10**8 else None
        except (ValueError, TypeError):
            return None


def _rebuilt(kind: type, *_: Any) -> _Numbers:
    """How pickles of the first protocols begin an object."""
    if kind is not _Numbers:
        raise InputError("asks for an object that is none of chumpy's or scipy's")
    return _Numbers()


def _nothing(*_: Any) -> None:
    """In place of `object`, which is named as a base and never made."""


OBJECTS: dict[tuple[str, str], Any] = {
    ("chumpy.ch", "Ch"): _Numbers,
    ("scipy.sparse.csc", "csc_matrix"): _Numbers,
    ("scipy.sparse._csc", "csc_matrix"): _Numbers,
    **{(module, "_reconstructor"): _rebuilt for module in ("copy_reg", "copyreg")},
    **{(module, "object"): _nothing for module in ("__builtin__", "builtins")},
}
