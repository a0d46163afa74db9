"""SMPL's files: read for their numbers, refused for anything else."""

import pickle

import numpy as np
import pytest
import torch
from bodies.bodies import smpl_arrays, write_smpl

from mbnb.bodies import load_body
from mbnb.files import InputError


def test_an_npz_and_a_pickle_with_chumpy_s_objects_are_the_same_body(tmp_path):
    first = load_body(str(write_smpl(tmp_path)))
    second = load_body(str(write_smpl(tmp_path, "pkl")))
    shape = torch.ones(1, 10)
    for one, other in zip(first.at_rest(shape), second.at_rest(shape)):
        torch.testing.assert_close(one, other)
    assert first.names[16] == "left_shoulder" and first.names[first.mirror[16]] == "right_shoulder"
    assert first.parents[:5] == (-1, 0, 0, 0, 1) and len(first.shapes) == 10
    torch.testing.assert_close(first.weights, second.weights)


def test_what_is_missing_or_more_than_data_is_told(tmp_path):
    path = write_smpl(tmp_path)
    arrays = smpl_arrays()
    del arrays["weights"]
    np.savez(path, **arrays | {"posedirs": arrays["posedirs"][:5]})
    with pytest.raises(InputError, match=r"found no weights"):
        load_body(str(path))
    np.savez(path, **smpl_arrays() | {"posedirs": arrays["posedirs"][:5], "f": np.zeros(3)})
    with pytest.raises(InputError, match=r"posedirs \(5, 3, 207\).*; f \(3,\)"):
        load_body(str(path))
    evil = tmp_path / "evil.pkl"
    evil.write_bytes(pickle.dumps({"f": print}))
    with pytest.raises(InputError, match="print, which is more than data"):
        load_body(str(evil))
    with pytest.raises(InputError, match="expected anny_small, anny, or SMPL's file"):
        load_body("anny_smal")
    (tmp_path / "J_regressor_h36m_correct.npy").unlink()
    with pytest.raises(InputError, match="expected J_regressor_h36m_correct.npy"):
        load_body(str(path))
