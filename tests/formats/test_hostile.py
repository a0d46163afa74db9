"""Files that would run code, fill memory or never end are refused at once, in a few megabytes."""

import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from build import STANDING, posture

from mbnb import formats
from mbnb.files import InputError
from mbnb.formats import arrays, content

BVH = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n%s}\n%s"
MOTION = "MOTION\nFrames: %s\nFrame Time: 0.03\n0 0 0\n"
JOINT = "JOINT %s\n{\nOFFSET 0 1 0\n%s}\n"


class _Runs:
    """Pickled, it would run a command when it is read."""

    def __reduce__(self):
        import os

        return os.system, ("echo ran > ran",)


def npy(shape, size=0, kind="<f4"):
    """The bytes of an npy file whose header promises `shape`."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(size)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(f"{name}.npy", raw)


def nested(depth):
    """A BVH of so many joints, each below the other."""
    opened = "".join(f"JOINT J{i}\n{{\nOFFSET 0 1 0\n" for i in range(depth))
    return BVH % (opened + "}\n" * depth, MOTION % 1)


HOSTILE = {
    "code.pkl": (pickle.dumps({"annotations": [_Runs()]}), "more than data"),
    "shape.pkl": (
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86tR.",
        "no list of annotations|expected a pickle",
    ),
    "frames.npy": (npy((10**9, 17, 3), 12), "does not fit into its"),
    "endless.npy": (npy((10**30, 17, 3), 12), "does not fit into its"),
    "negative.npy": (npy((-1, 17, 3), 12), "does not fit into its"),
    "objects.npy": (npy((1,), 40, "|O"), "Python objects"),
    "frames.bvh": ((BVH % ("", MOTION % 10**9)).encode(), "10000000000? frames, 1 are there"),
    "cyclic.bvh": ((BVH % (JOINT % ("Hips", ""), MOTION % 1)).encode(), "twice, so it is no tree"),
    "deep.bvh": (nested(5000).encode(), "more than 1000 joints"),
    "words.bvh": ((BVH % ("", MOTION % 2 + "0 0 x5\n")).encode(), "expected numbers, found x5"),
    "open.bvh": ((BVH % ("{{{{", MOTION % 1)).encode(), "has no end"),
    "rootless.bvh": (b"HIERARCHY\n}\nMOTION\nFrames: 1\nFrame Time: 1\n", "not opened"),
    "frames.skeleton": (b"1000000000\n1\n7 0 0 0 0 0 0 0 0 0\n25\n", "Kinect"),
    "bodies.skeleton": (b"2\n1000000000\n", "Kinect"),
    "frames.c3d": (
        struct.pack("<2B5H", 2, 0x50, 5000, 0, 1, 65535, 0) + bytes(503) + b"T" + bytes(2000),
        "5000 markers in 65535 frames, none are there",
    ),
    "frames.trc": (
        b"PathFileType\t4\nDataRate\tNumFrames\n60\t1000000000\nFrame#\tTime\tA\n\t\tX1\n",
        "no markers or no frames",
    ),
    "frames.pose": (
        struct.pack("<f4H", 0.0, 10, 10, 0, 1)
        + b"\1\0P\3\0XYC"
        + struct.pack("<3H", 1, 0, 0)
        + b"\1\0a"
        + struct.pack("<3H", 24, 65535, 65535),
        "cut off|pose",
    ),
    "far.json": (
        json.dumps(
            [{"image_id": f"{i}.jpg", "keypoints": [1] * 51} for i in (*range(9), 10**14)]
        ).encode(),
        None,  # read as stills: such names are no frames
    ),
    "deep.json": (b'{"people":' * 100_000, "JSON"),
    "rows.csv": (b"frame,landmark,x,y,z\n0,nose,1,2,3\n999999999999,nose,1,2,3\n", "numbers|many"),
    "endless.txt": (b",".join(b"123456" for _ in range(500)) + b",x\n", "table of points"),
    "garbage.pkl": (b"\x80\x04" + bytes(100), "pickle"),
    "joblib.pkl": (pickle.dumps({"cjoblib.numpy_pickle": 1}), "joblib wrote it: load it there"),
    "vicon.csv": (b"Trajectories\n100\n,,A\nFrame,Sub Frame,X,Y,Z\n,,mm,mm,mm\n", "no places"),
    "clips.npy": (npy((10**6, 3, 300, 25, 2), 12), "does not fit into its"),
    "garbage.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_little_memory(name, tmp_path, monkeypatch):
    raw, said = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(raw)
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        if said is None or "frames, 1 are there" in said:
            files = formats.read_all(path)
            assert said is None or "says 1000000000 frames, 1 are" in str(files[""].notes)
        else:
            with pytest.raises(InputError, match=said) as refused:
                formats.read_all(path)
            assert str(refused.value).startswith(str(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 << 20 and not (tmp_path / "ran").exists()


def test_a_bomb_of_zeros_in_an_npz_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST", 1 << 24)
    bomb = tmp_path / "bomb.npz"
    zipped(bomb, joints=npy((100_000, 17, 3), 100_000 * 204))
    assert bomb.stat().st_size < 1 << 16
    with pytest.raises(InputError, match="holds 19 MB, more than 16 at once"):
        formats.read(bomb)
    zipped(tmp_path / "lies.npz", joints=npy((10**9, 17, 3), 204))
    with pytest.raises(InputError, match="does not fit into its"):
        formats.read(tmp_path / "lies.npz")
    zipped(tmp_path / "cut.npz", frames=npy((4, 17, 3), 816), offsets=npy((2,), 8, "<i4"))
    with pytest.raises(InputError):
        formats.read(tmp_path / "cut.npz")


def test_text_of_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.json"
    with open(path, "wb") as file:
        file.write(b'[{"image_id": "0.jpg", "keypoints": [')
        file.truncate(1 << 30)  # a hole: it takes no room on the disk
    with pytest.raises(InputError, match=f"more than the {content.LARGEST_TEXT >> 20} that are"):
        formats.read(path)


def test_an_object_in_an_npz_is_read_as_data_alone(tmp_path):
    path = tmp_path / "data_3d_h36m.npz"
    pose = np.stack([posture(STANDING)] * 4).astype(np.float32)
    room = np.stack([pose[..., 0], pose[..., 2], -pose[..., 1]], axis=-1)  # z up
    np.savez(path, positions_3d={"S1": {"Walking 1": room, "Eating": room}})
    found = formats.read_all(path)
    assert list(found) == ["S1 Walking 1", "S1 Eating"] and found["S1 Eating"].rate == 50
    np.testing.assert_allclose(found["S1 Eating"].people["S1"], pose, atol=1e-6)
    np.savez(path, positions_3d={"S1": {"Walking 1": _Runs()}})
    with pytest.raises(InputError, match="more than data"):
        formats.read_all(path)
