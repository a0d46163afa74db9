"""Windows of long recordings: the original's, and ours that leave nothing out."""

import numpy as np
import pytest
import torch

from mbnb.prepare.parity import resample_index
from mbnb.prepare.windows import cover, parity_windows


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "data.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.tensor(file[name]) for name in file.files}


@pytest.mark.parametrize("case", "abcde")
def test_windows_equal_the_originals(case, golden):
    names, coins = golden[f"split_{case}_ids"].tolist(), golden[f"split_{case}_coins"]
    windows = parity_windows(names, *golden[f"split_{case}_arg"].tolist(), coins)
    assert torch.equal(windows, golden[f"split_{case}_out"])


def test_positions_are_rounded_as_the_original_rounds_them(golden):
    for name in (name for name in golden if name.startswith("index_")):
        length, frames = map(int, name.split("_")[1:])
        assert torch.equal(resample_index(length, frames), golden[name]), name


@pytest.mark.parametrize(
    "length, window, stride", [(100, 24, 12), (24, 24, 8), (25, 24, 24), (7, 24, 8)]
)
def test_windows_hold_every_frame(length, window, stride):
    windows = cover(length, window, stride)
    assert set(windows.ravel()) == set(range(length))
    assert windows.shape[1] == min(length, window)
    assert len({tuple(row) for row in windows}) == len(windows)
