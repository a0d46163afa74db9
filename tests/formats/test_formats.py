"""Joints of other formats become ours."""

import itertools

import numpy as np
import pytest
from build import H36M, STANDING, posture
from scipy.spatial.transform import Rotation

from mbnb.files import InputError
from mbnb.formats import CONVERTERS, PoseFile, mediapipe33, to_h36m
from mbnb.formats.converters import named_joints
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.space import MIRRORED, doubts


@pytest.mark.parametrize("name, key", [("coco17", "coco"), ("halpe26", "halpe")])
def test_keypoints_become_the_originals_joints(name, key, shared):
    with np.load(shared / "golden" / "data_ops.npz", allow_pickle=False) as golden:
        joints = to_h36m(golden[f"{key}_in"], name)
        np.testing.assert_allclose(joints, golden[f"{key}_out"], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("name", CONVERTERS)
def test_every_format_keeps_sides_and_limbs(name):
    is_known = name in LAYOUTS
    table = sources_of(LAYOUTS[name]) if is_known else mediapipe33.SOURCES
    count = len(LAYOUTS[name]) if is_known else mediapipe33.POINTS
    points = np.random.default_rng(0).normal(size=(count, 3))
    for joint, sources in table.items():
        if len(sources) == 1:
            points[sources[0]] = STANDING[joint]
    joints = to_h36m(np.stack([points] * 4), name)  # (4, 17, 3)
    noseless = "nose" not in LAYOUTS[name]  # what a layout lacks is missing, not guessed
    there = np.isfinite(joints).all((0, 2))
    assert joints.shape == (4, 17, 3)
    assert [H36M.joints[i] for i in np.flatnonzero(~there)] == ["Head"] * noseless
    limbs = ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
    where = H36M.index(
        *["Head"] * (not noseless), *(f"{side}_{joint}" for side in "LR" for joint in limbs)
    )
    np.testing.assert_allclose(joints[2, where], posture(STANDING)[where], atol=1e-6)


def test_mediapipes_head_top_lies_above_the_ears_as_the_face_is_turned():
    points = np.zeros((5, 33, 3))
    points[:, mediapipe33.LEFT_EAR, 0], points[:, mediapipe33.RIGHT_EAR, 0] = 0.07, -0.07
    points[:, [mediapipe33.LEFT_EYE, mediapipe33.RIGHT_EYE], 1] = -0.03
    points[:, [mediapipe33.LEFT_MOUTH, mediapipe33.RIGHT_MOUTH], 1] = 0.06
    (top,) = H36M.index("Head_top")
    upright = to_h36m(points, "mediapipe33")[0, top]
    np.testing.assert_allclose(upright, (0, -0.11, 0), atol=1e-9)
    lying = to_h36m(points[..., [1, 0, 2]], "mediapipe33")[0, top]
    np.testing.assert_allclose(lying, (-0.11, 0, 0), atol=1e-9)


def test_unknown_formats_and_other_numbers_of_points_are_refused():
    with pytest.raises(InputError, match="unknown format 'coco19'; known: coco17, halpe26"):
        to_h36m(np.zeros((4, 18, 3)), "coco19")
    with pytest.raises(InputError, match=r"expected points of the shape \(..., 17, C\), found"):
        to_h36m(np.zeros((4, 26, 3)), "coco17")


def test_names_of_other_skeletons_are_understood_by_what_else_is_there():
    for names, joints in {
        "LeftArm LeftShoulder LeftForeArm LeftUpLeg LeftLeg": "L_Shoulder - L_Elbow L_Hip L_Knee",
        "UpperArm_L Shoulder_L LowerArm_L UpperLeg_L Foot_L": "L_Shoulder - L_Elbow L_Hip L_Ankle",
        "LeftShoulder LeftCollar LeftElbow LeftHip LeftAnkle": "L_Shoulder - L_Elbow L_Hip L_Ankle",
        "x:RHip RKNE RANK r_shoulder ELBOW_RIGHT": "R_Hip R_Knee R_Ankle R_Shoulder R_Elbow",
        "wrist.R HandRight knee_r Right Ankle": "R_Wrist - R_Knee - -",
        "Hips Nose HeadTop_End Neck left": "Pelvis Head Head_top Neck -",
    }.items():
        names, joints = names.split(), joints.split()
        points = np.arange(len(names), dtype=float)[:, None].repeat(3, 1)  # each its number
        found = named_joints(points[None], tuple(names))[0, :, 0]
        where = {H36M.joints[j]: int(found[j]) for j in np.flatnonzero(np.isfinite(found))}
        wanted = {joint: i for i, joint in enumerate(joints) if joint != "-"}
        assert {j: i for j, i in where.items() if j != "Spine1"} == wanted, names


def test_hips_lie_inside_the_pelvis_whichever_way_it_is_turned():
    names = ("LASI", "RASI", "SACR", "LSHO", "RSHO")
    markers = np.array([(0.12, 0, 0), (-0.12, 0, 0), (0, 0, 0.2), (0.2, -0.5, 0), (-0.2, -0.5, 0)])
    place = 0.24 * np.array([(0.36, 0.30, 0.19), (-0.36, 0.30, 0.19)])  # left, right; y down
    for turn in (np.eye(3), Rotation.from_euler("xyz", (0.3, 2.0, -1.0)).as_matrix()):
        joints = named_joints((markers @ turn.T)[None], names)[0]
        hips = joints[H36M.index("L_Hip", "R_Hip")]
        np.testing.assert_allclose(hips, place @ turn.T, atol=1e-12)
        np.testing.assert_allclose(joints[0], place.mean(0) @ turn.T, atol=1e-12)


@pytest.mark.parametrize("name", ["kinder_gator", "ui_prmd"])
def test_what_a_conversion_says_of_real_people_and_of_their_mirror_images(shared, name):
    with np.load(shared / "real" / f"{name}.npz") as file:
        frames, offsets = file["frames"], file["offsets"]
    chosen = np.linspace(0, len(offsets) - 2, 20).astype(int)
    said = {1: [], -1: []}
    for sign, place in itertools.product(said, chosen):
        pose = frames[offsets[place] : offsets[place + 1]] * np.float32([sign, 1, 1])
        said[sign].append(doubts(PoseFile("h36m17", LAYOUTS["h36m17"], {"1": pose}, depth=True)))
    assert not any(MIRRORED in some for some in said[1])
    assert np.mean([not some for some in said[1]]) > 0.95
    assert np.mean([MIRRORED in some for some in said[-1]]) > 0.98
