"""Another extractor, of 133 points: what becomes of them, and where they lie."""

from pathlib import Path

import numpy as np
import pytest
from video.films import write

from mbnb.files import InputError
from mbnb.formats.layouts import LAYOUTS
from mbnb.skeleton import load_skeleton
from mbnb.video.rtm import find_points, whole_in_picture, write_points

NAMES, WHOLE = LAYOUTS["wholebody133"], load_skeleton("wholebody44")


def bright_spot(path: Path) -> Path:
    """A model whose 133 points all lie where its picture (64 wide, 48 high) is brightest."""
    onnx = pytest.importorskip("onnx", reason="no onnx: pip install -e .[export]")
    make = onnx.helper
    nodes, outputs = [], []
    for name, length in (("x", 64), ("y", 48)):
        nodes += [
            make.make_node("ReduceMax", ["picture", f"axes_{name}"], [f"sum_{name}"], keepdims=0),
            make.make_node("Reshape", [f"sum_{name}", f"column_{name}"], [f"one_{name}"]),
            make.make_node("Tile", [f"one_{name}", "twice"], [f"two_{name}"]),
            make.make_node("Reshape", [f"two_{name}", f"row_{name}"], [f"flat_{name}"]),
            make.make_node("Tile", [f"flat_{name}", "each"], [f"simcc_{name}"]),
        ]
        shape = [1, len(NAMES), 2 * length]
        outputs.append(make.make_tensor_value_info(f"simcc_{name}", onnx.TensorProto.FLOAT, shape))
    given = {"axes_x": [1, 2], "axes_y": [1, 3], "twice": [1, 1, 2], "each": [1, len(NAMES), 1]}
    given |= {"column_x": [1, 64, 1], "row_x": [1, 1, 128]}
    given |= {"column_y": [1, 48, 1], "row_y": [1, 1, 96]}
    numbers = [onnx.numpy_helper.from_array(np.array(v, np.int64), k) for k, v in given.items()]
    picture = make.make_tensor_value_info("picture", onnx.TensorProto.FLOAT, [1, 3, 48, 64])
    graph = make.make_graph(nodes, "spot", [picture], outputs, numbers)
    opset = [make.make_opsetid("", 18)]
    onnx.save(make.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_133_points_become_44_joints_by_name():
    points = np.stack([np.arange(133.0), np.zeros(133), np.ones(133)], -1)
    found = dict(zip(WHOLE.joints, whole_in_picture(points)[:, 0]))
    for joint, point in (
        ("Nose", "nose"),
        ("L_Index", "left_hand_index_4"),
        ("R_Hand", "right_hand_middle_1"),
        ("Chin", "face_8"),
        ("R_Mouth", "face_48"),
        ("L_Small_toe", "left_small_toe"),
    ):
        assert found[joint] == NAMES.index(point)
    assert found["Neck"] == np.mean([NAMES.index(f"{s}_shoulder") for s in ("left", "right")])
    assert np.isfinite(list(found.values())).all()


def test_points_lie_where_a_model_finds_them(tmp_path):
    pytest.importorskip("rtmlib", reason="no rtmlib: pip install -e .[rtm]")
    frames = np.zeros((4, 96, 128, 3), np.uint8)
    for t, frame in enumerate(frames):
        frame[60:64, 40 + 8 * t : 44 + 8 * t] = 255
    (tmp_path / "films").mkdir()
    film = write(tmp_path / "films" / "spot.mp4", frames)
    found = find_points(film, bright_spot(tmp_path / "spot.onnx"))
    assert found.shape == (4, 133, 3)
    assert np.abs(found[:, 0, 0] - (42 + 8 * np.arange(4))).max() < 3
    assert np.abs(found[..., 1] - 62).max() < 3
    write_points(film.parent, tmp_path / "out", tmp_path / "spot.onnx")
    stored = np.load(tmp_path / "out" / "test" / "spot" / "pose_2d.npy")
    np.testing.assert_array_equal(stored, whole_in_picture(found))


def test_what_is_no_such_model_is_refused(tmp_path):
    pytest.importorskip("rtmlib", reason="no rtmlib: pip install -e .[rtm]")
    film = write(tmp_path / "spot.mp4", np.zeros((2, 96, 128, 3), np.uint8))
    with pytest.raises(InputError, match=r"none\.onnx: no such file"):
        find_points(film, tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(InputError, match="expected a model in ONNX"):
        find_points(film, tmp_path / "text.onnx")
