"""Made-up bodies: that of the golden numbers, and files as SMPL's makers give them out."""

import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from mbnb.bodies.body import Body
from mbnb.bodies.smpl import of_arrays

VERTICES = 40
PARENTS = (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


def golden_body(golden: dict) -> Body:
    """The body that the original's head was run on, of `mesh.pt`, in float64."""
    arrays = dict(golden["body"])
    parents = arrays.pop("parents")
    arrays["posedirs"] = arrays["posedirs"].permute(1, 2, 0)  # (207, V, 3) -> (V, 3, 207)
    arrays |= {"kintree_table": torch.stack([parents, parents]), "f": torch.zeros(0, 3)}
    return of_arrays(arrays, golden["J_regressor_h36m"], "made up")


def smpl_arrays() -> dict[str, np.ndarray]:
    """Arrays of SMPL's names and shapes, of a made-up body of few vertices."""
    rng = np.random.default_rng(0)
    parents = np.array(PARENTS)
    parents[0] = 2**32 - 1
    regressor = rng.dirichlet(np.full(VERTICES, 0.1), 24)
    return {
        "v_template": rng.normal(0, 0.4, (VERTICES, 3)),
        "shapedirs": rng.normal(0, 0.02, (VERTICES, 3, 12)),
        "posedirs": rng.normal(0, 0.002, (VERTICES, 3, 207)),
        "J_regressor": regressor,
        "weights": rng.dirichlet(np.full(24, 0.1), VERTICES),
        "kintree_table": np.stack([parents, np.arange(24)]),
        "f": rng.integers(0, VERTICES, (30, 3)),
    }


def write_smpl(folder: Path, kind: str = "npz") -> Path:
    """SMPL's file beside the regressor of Human3.6M's joints; a pickle holds foreign objects."""
    arrays, path = smpl_arrays(), folder / f"SMPL_NEUTRAL.{kind}"
    rng = np.random.default_rng(1)
    regressor = rng.dirichlet(np.full(VERTICES, 0.1), 17)
    np.save(folder / "J_regressor_h36m_correct.npy", regressor.astype(np.float32))
    if kind == "npz":
        np.savez(path, **arrays)
        return path
    from scipy.sparse import csc_matrix

    class Ch:
        def __init__(self, x):
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    fake = {name: ModuleType(name) for name in ("chumpy", "chumpy.ch")}
    fake["chumpy.ch"].Ch = Ch
    sys.modules.update(fake)
    try:
        content = arrays | {"shapedirs": Ch(arrays["shapedirs"]), "bs_style": "lbs"}
        content["J_regressor"] = csc_matrix(arrays["J_regressor"])
        path.write_bytes(pickle.dumps(content, protocol=2))
    finally:
        for name in fake:
            del sys.modules[name]
    return path
