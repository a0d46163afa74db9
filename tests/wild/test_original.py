"""The recipe parity: golden numbers of MotionBERT's own script, with its faults."""

import dataclasses

import numpy as np
import pytest
import torch
from run.headless import command_line

from mbnb.files import InputError
from mbnb.prepare.detections import original_crop, original_pixels
from mbnb.wild.original import lift_as_original, read_rows

CASES = ("scaled_global", "pixel_global", "scaled_rootrel", "scaled_gt2d_noflip_clip81")


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_alphapose_is_lifted_as_by_the_original(name, golden, alphapose, original):
    case, joints, (network, seen) = golden["cases"][name], read_rows(alphapose, "1"), original
    size = tuple(golden["video_size"]) if case["pixel"] else None
    x = torch.as_tensor(joints, dtype=torch.float32)
    if "input" in case:
        scaled = original_pixels(x, size) if size else original_crop(x)
        torch.testing.assert_close(scaled, case["input"], atol=1e-5, rtol=0)
    how = {key: case[key] for key in ("clip_len", "rootrel", "flip", "gt_2d")}
    lifted = lift_as_original(joints, network, dataclasses.replace(seen, **how), size)
    expected, close = case["X3D"].numpy(), 1e-2 if size else 3e-5
    np.testing.assert_allclose(lifted, expected, atol=close)
    assert len(lifted) == 300 - len(golden["missing_frames"]), (
        "lost frames are the original's fault"
    )


def test_the_command_writes_what_the_original_saves(golden, alphapose, encoder, tmp_path):
    heads = str(golden["config"]["num_heads"])
    place = ("--out", tmp_path, "--encoder", encoder, "-p", "recipe", "parity")
    how = ("-p", "num_heads", heads, "-p", "rootrel", "false", "--person", "1")
    done = command_line("lift", alphapose, *place, *how)
    assert done.exit_code == 0, done.stderr
    expected = golden["cases"]["scaled_global"]["X3D"].numpy()
    np.testing.assert_allclose(np.load(tmp_path / "X3D.npy"), expected, atol=3e-5)


def test_what_the_original_cannot_read_is_refused(alphapose, original, tmp_path, shared):
    with pytest.raises(InputError, match="no person '7'; idx is 1, 2"):
        read_rows(alphapose, "7")
    for content in ("[1, 2]", '[{"keypoints": [1, 2, 3]}]', '{"people": []}', "none"):
        (tmp_path / "odd.json").write_text(content)
        with pytest.raises(InputError, match="odd.json"):
            read_rows(tmp_path / "odd.json")
    done = command_line("lift", alphapose, "--out", tmp_path / "x", "-p", "recipe", "parity")
    assert done.exit_code == 2 and "needs an encoder of the original's" in done.stderr
