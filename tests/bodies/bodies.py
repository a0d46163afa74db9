"""The made-up body of the golden numbers, and where these lie."""

import pytest
import torch

from mbnb.bodies.body import Body
from mbnb.bodies.smpl import of_arrays
from mbnb.files import ROOT

GOLDEN = ROOT.parent / "shared" / "golden" / "motionbert"


def golden_file(name: str) -> str:
    """A file of golden numbers; the test is skipped where there is none."""
    path = GOLDEN / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return str(path)


def golden_body(golden: dict) -> Body:
    """The body that the original's head was run on, of `mesh.pt`, in float64."""
    arrays = dict(golden["body"])
    parents = arrays.pop("parents")
    arrays["posedirs"] = arrays["posedirs"].permute(1, 2, 0)  # (207, V, 3) -> (V, 3, 207)
    arrays |= {"kintree_table": torch.stack([parents, parents]), "f": torch.zeros(0, 3)}
    return of_arrays(arrays, golden["J_regressor_h36m"], "made up")
