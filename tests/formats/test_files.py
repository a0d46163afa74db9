"""Real files of other people's tools: what is in each, or why there is nothing."""

import dataclasses
import json
import os
import pickle
import struct

import numpy as np
import pytest
from build import H36M, STANDING, posture
from formats.pandas_tables import LABELS, PREDICTIONS, table

from mbnb import formats
from mbnb.files import InputError
from mbnb.formats.space import doubts

# File -> layout, frames, frames in which each person is found, and one point of one of them.
IN_PICTURES = {
    "openpose/body25_kick_0_to_3_people": ("body25", 80, None, None),
    "openpose/body25_walk_2nd_person_enters": (
        "body25",
        60,
        [60, 3],
        ("nose", 199.29, 100.592, 0.812731),
    ),
    "openpose/body25b_balancing_2_to_3_people": (
        "body25b",
        60,
        [60, 60, 1],
        ("nose", 505.232, 431.63, 0.664216),
    ),
    "openpose/coco18_v1.0_two_people.json": (
        "coco18",
        1,
        [1, 1],
        ("neck", 447.67, 204.633, 0.833261),
    ),
    "openpose/body25_face70_hands21_one_person.json": (
        "body25_137",
        1,
        [1],
        ("nose", 178.086, 188.64, 0.870673),
    ),
    "openpose/body25_v1.2_one_image.json": (
        "body25_137",
        1,
        [1],
        ("nose", 66.4171, 47.0342, 0.614349),
    ),
    "alphapose/halpe26_video_first100frames.json": (
        "halpe26",
        100,
        [100],
        ("nose", 167.5078, 48.125, 0.77336),
    ),
    "alphapose/halpe136_one_image.json": (
        "halpe136",
        1,
        [1],
        ("nose", 180.3209, 195.2787, 0.97031),
    ),
}


CMU = 0.0254 / 0.45  # metres in a unit of its database
# How a file's x, y and z become ours, by which of them is up.
Y_UP, Z_UP, KINECT, OURS = (
    lambda x, y, z: (x, -y, -z),
    lambda x, y, z: (x, -z, y),
    lambda x, y, z: (-x, -y, z),
    lambda x, y, z: (x, y, z),
)
# File -> frames, points, rate, metres in its unit, its axes, a point in its first frame.
IN_SPACE = {
    "bvh/bandai_dash_normal.bvh": (20, 27, 30, 0.01, Y_UP, ("Head", 1.651, 120.343, 21.748)),
    "bvh/mixamo_prefixed.bvh": (69, 70, 30, 0.01, Y_UP, ("mixamorig:Head", -1.539, 157.769, 4.552)),
    "bvh/mocapbank_crlf_tab.bvh": (455, 24, 30, 0.01, Y_UP, ("Head", -46.127, 146.245, 230.934)),
    "bvh/cmu_12_01_walk_first300.bvh": (300, 38, 120, CMU, Y_UP, ("Head", -0.028, 23.549, -26.205)),
    "bvh/xsens_names_crlf.bvh": (61, 28, 120, 0.01, Y_UP, ("Head", 157.123, 159.344, -19.425)),
    "bvh/z_up_spine_along_z.bvh": (75, 29, 30, 0.0254, Z_UP, ("Head", -1.967, -11.398, 63.084)),
    "bvh/cmu_in_metres_rest.bvh": (60, 38, 30, 1, Y_UP, ("Head", 0.008, 1.429, -0.011)),
    "bvh/styled_walk_120hz.bvh": (140, 38, 120, CMU, Y_UP, ("Head", -15.188, 22.522, -0.581)),
    "bvh/no_end_sites_tab_rows.bvh": (120, 4, 60, 1, Y_UP, ("child3", -8, 11, 2)),
    "trc_mot/pose2sim_balancing_m_60hz.trc": (
        100,
        21,
        60,
        1,
        Y_UP,
        ("RHip", -0.064998, 0.901513, -1.400574),
    ),
    "trc_mot/pyomeca_markers_comma.trc": (
        93,
        51,
        100,
        0.001,
        Z_UP,
        ("ASISl", 733.7041, 80.9832, 191.8668),
    ),
    "trc_mot/opensim_arm26_elbow_flex.trc": (
        121,
        3,
        120,
        0.001,
        Y_UP,
        ("r_acromion", -13.05452443, 839.50547557, 169.5054756),
    ),
    "c3d/qualisys_static_29markers.c3d": (
        61,
        29,
        120,
        0.001,
        Z_UP,
        ("RACROM", 34.3007, 348.5423, 1156.9811),
    ),
    "c3d/qualisys_walk_23markers.c3d": (
        207,
        23,
        120,
        0.001,
        Z_UP,
        ("RACROM", -1071.6483, 21.0336, 1127.5671),
    ),
    "kinect/msr_action3d_a01_s01_e01_skeleton3D.txt": (
        54,
        20,
        30,
        1,
        KINECT,
        ("left_shoulder", -0.371736, 0.371031, 2.674849),
    ),
    "kinect/utkinect_style_joints_first120.txt": (
        120,
        20,
        30,
        1,
        KINECT,
        ("pelvis", 2.096866, -0.218779, 3.841074),
    ),
    "mediapipe/pose33_image_and_world_first20frames.json": (
        20,
        33,
        10,
        1,
        OURS,
        ("nose", -0.11061, -0.55158, -0.35380),
    ),
    "mediapipe/pose33_image_and_world_14ticks_first15frames.json": (
        15,
        33,
        14,
        1,
        OURS,
        ("nose", 0.15194, -0.57858, -0.10522),
    ),
    "mediapipe/pose33_world_long_names_first60frames.csv": (
        60,
        33,
        None,
        1,
        OURS,
        ("nose", -0.02392, -0.62856, -0.05487),
    ),
}
# What holds no places of joints is refused with a reason that its owner understands.
REFUSED = {
    "mmaction_mmpose/coco_person_boxes_results.json": "118 boxes around people and no joints",
    "mmaction_mmpose/k400_annotations_without_keypoints.pkl": "100 annotations hold no keypoint",
    "smpl/amass_like_69_pose_per_frame_betas.npz": "run the model that you have",
    "trc_mot/opensim_normal_gait.mot": "angles or forces of a model, without places of joints",
    "trc_mot/opensim_subject01_walk1_ik.mot": "angles or forces of a model",
    "trc_mot/pyomeca_inverse_kin_comma.mot": "angles or forces of a model",
    "trc_mot/pyomeca_inverse_dyn_comma.sto": "angles or forces of a model",
    "README.md": "none of the formats that mbnb reads",
}


def test_what_holds_no_joints_is_called_what_it_is(tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "talk.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    (tmp_path / "coded.csv").write_text("start,end,label\n0,1,nod\n")
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04" + bytes(60))
    (tmp_path / "joints.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(60))
    for name, said in {
        "nothing": "an empty folder",
        "sheet.xlsx": "a zip archive without arrays.*save as CSV",
        "joints.mat": "MATLAB's: save its arrays",
        "talk.wav": "it is sound, in which nobody is seen",
        "coded.csv": "coded intervals, which `mbnb coding` reads",
    }.items():
        with pytest.raises(InputError, match=said):
            formats.read(tmp_path / name)


def found_in(track):
    """Frames of a track in which any point was found."""
    return int(np.isfinite(track).all(-1).any(-1).sum())


@pytest.mark.parametrize("name", IN_PICTURES)
def test_people_in_pictures_are_read_as_they_were_found(name, shared):
    layout, frames, found, point = IN_PICTURES[name]
    file = formats.read(shared / "formats" / name)
    assert file.layout == layout and not file.depth
    assert {track.shape for track in file.people.values()} == {(frames, len(file.points), 3)}
    if found:
        assert [found_in(track) for track in file.people.values()] == found
    first = next(iter(file.people.values()))
    if point:
        where = first[0, file.points.index(point[0])]
        np.testing.assert_allclose(where, point[1:], atol=1e-3)
    assert formats.to_h36m(first, layout).shape == (frames, 17, 3)


def test_openpose_without_tracks_keeps_every_person_and_every_empty_frame(shared):
    file = formats.read(shared / "formats/openpose/body25_kick_0_to_3_people")
    people = np.stack(list(file.people.values()))  # (people, 80, 25, 3)
    there = np.isfinite(people).any((2, 3))
    assert there.sum() == 69 and (~there.any(0)).sum() == 18
    assert np.isnan(people[there]).all(-1).sum() == 510  # joints that OpenPose writes as zeros
    assert list(there[:, :6].sum(0)) == [0, 3, 2, 2, 2, 1]


def test_two_tools_agree_on_one_picture(shared):
    folder = shared / "formats"
    names = ("openpose/body25_face70_hands21_one_person", "alphapose/halpe136_one_image")
    files = [formats.read(folder / f"{name}.json") for name in names]
    poses = [formats.to_h36m(next(iter(f.people.values())), f.layout)[0] for f in files]
    apart = np.linalg.norm(poses[0][:, :2] - poses[1][:, :2], axis=1)  # pixels of some 480
    same = H36M.index("Head", *(f"{s}_{j}" for s in "LR" for j in ("Shoulder", "Elbow", "Wrist")))
    assert apart[same].max() < 15  # their necks are not the same place


def test_stills_are_recordings_of_their_own(shared):
    stills = formats.read_all(shared / "formats/alphapose/coco17_images_up_to_N_people.json")
    counts = [len(file.people) for file in stills.values()]
    assert len(stills) == 60 and sum(counts) == 139 and max(counts) == 22
    with pytest.raises(InputError, match="expected one recording, found 60"):
        formats.read(shared / "formats/alphapose/coco17_images_up_to_N_people.json")
    whole = formats.read_all(shared / "formats/mmaction_mmpose/coco_wholebody_split_parts.json")
    assert [len(file.people) for file in whole.values()] == [1, 2, 4, 5]
    # Two more of its 14 annotations are without any joint.
    file = next(iter(whole.values()))
    person = file.people["1"][0]
    np.testing.assert_allclose(person[file.points.index("nose")], (367, 81, 1))
    left = [i for i, name in enumerate(file.points) if name.startswith("left_hand")]
    assert len(left) == 21 and np.isnan(person[left]).all()  # marked as not valid


def test_annotations_name_their_points_and_people(shared):
    videos = formats.read_all(shared / "formats/mmaction_mmpose/posetrack18_tracked.json")
    assert len(videos) == 3 and sum(len(file.people) for file in videos.values()) == 14
    assert {file.layout for file in videos.values()} == {"posetrack18"}
    assert {file.size for file in videos.values()} <= {(1920, 1080), (1280, 720), None}


@pytest.mark.parametrize("name", IN_SPACE)
def test_places_in_space_become_metres_with_y_down(name, shared):
    frames, points, rate, unit, axes, (point, *place) = IN_SPACE[name]
    file = formats.read(shared / "formats" / name)
    assert file.depth and (len(file.points), file.rate) == (points, rate)
    (track,) = file.people.values()
    assert track.shape == (frames, points, 3)
    wanted = np.array(axes(*place)) * unit
    np.testing.assert_allclose(track[0, file.points.index(point)], wanted, atol=2e-3 * unit)
    assert not file.doubts and any("up" in note or "metres" in note for note in file.notes)


@pytest.mark.parametrize("name", IN_SPACE)
def test_people_in_space_stand_face_forward_and_are_not_mirror_images(name, shared):
    file = formats.read(shared / "formats" / name)
    (pose,) = formats.joints_of(file).values()
    up = pose[:, H36M.index("Neck")[0]] - pose[:, H36M.index("Pelvis")[0]]
    if np.isnan(up).all():  # an arm, a trunk with markers, a chain of four joints
        assert name.split("/")[1][:7] in ("opensim", "pyomeca", "no_end_")
        return
    up = np.nanmedian(up, 0)
    assert up[1] < -0.3 and 0.33 < np.linalg.norm(up) < 0.65  # metres, y down
    assert not doubts(file)
    swapped = {who: points * [-1, 1, 1] for who, points in file.people.items()}
    said = doubts(dataclasses.replace(file, people=swapped))
    # Without nose and feet a body that hardly bends its knees looks like its mirror image.
    assert any("mirror image" in one for one in said) or "mocapbank" in name


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_joints_is_refused_with_the_reason(name, shared):
    with pytest.raises(InputError, match=REFUSED[name]):
        formats.read(shared / "formats" / name)


def test_files_that_promise_other_numbers_of_frames_say_so(shared):
    file = formats.read(shared / "formats/trc_mot/pyomeca_markers_comma.trc")
    assert "the header says 652 frames, 93 are there" in file.notes


def test_exchanged_names_of_left_and_right_are_found(shared):
    stills = formats.read_all(shared / "formats/h36m_vp3d/h36m_as_coco.json")
    assert len(stills) == 4  # its table calls the right leg left
    said = [any("left and right are exchanged" in d for d in f.doubts) for f in stills.values()]
    assert sum(said) >= 3 and {f.notes[-1] for f in stills.values()} == {
        "z is up, by where heads are"
    }


def test_two_layouts_of_one_body_agree(shared):
    folder = shared / "formats/h36m_vp3d"
    seventeen = formats.read_all(folder / "h36m_17joints_4frames.npz")
    twenty_four = formats.read_all(folder / "h36m_smpl24_4frames.npz")
    assert len(seventeen) == len(twenty_four) == 4
    np.testing.assert_allclose(
        next(iter(seventeen.values())).people["1"][0, 0],
        (-0.1767, -0.3210, 5.2039),
        atol=1e-4,
    )
    limbs = H36M.index(*(f"{s}_{j}" for s in "LR" for j in ("Knee", "Ankle", "Elbow", "Wrist")))
    for a, b in zip(seventeen.values(), twenty_four.values()):
        a, b = (formats.joints_of(file)["1"][0, limbs] for file in (a, b))
        known = np.isfinite(a).all(1) & np.isfinite(b).all(1)
        assert known.sum() >= 6 and np.abs(a - b)[known].max() < 0.02


def test_clips_of_a_pickle_keep_people_labels_and_splits(shared):
    clips = formats.read_all(shared / "formats/mmaction_mmpose/ucf101_6clips_with_keypoints.pkl")
    file = clips["v_ApplyEyeMakeup_g08_c01"]
    assert len(clips) == 6 and (file.layout, file.size) == ("coco17", (340, 256))
    assert file.people["1"].shape == (119, 17, 3)
    np.testing.assert_allclose(file.people["1"][0, 0], (208.9, 92.5, 0.955), atol=0.05)
    assert file.label == 0 and file.split in ("train1", "test1")
    assert [f.split for f in clips.values()].count("train1") == 3
    two = clips["v_ApplyEyeMakeup_g01_c01"]
    assert len(two.people) == 2 and two.people["1"].shape == (163, 17, 3)


def test_tables_of_trackers_keep_individuals_and_empty_cells(shared):
    folder = shared / "formats/dlc_sleap"
    several = formats.read(folder / "dlc_multianimal_index3.csv")
    assert several.points == tuple("ABCDE") and list(several.people) == [
        "Animal1",
        "Animal2",
        "single",
    ]
    first = several.people["Animal1"]
    np.testing.assert_array_equal(first[0, 0], (0, 1, 1))
    assert first.shape == (4, 5, 3) and np.isnan(first[1, 1]).all() and np.isnan(first[2]).all()
    assert np.isnan(first[:, 3:]).all()  # D and E are of `single` alone
    for name, people in (("dlc_multianimal_path_index", 2), ("dlc_single_path_index", 1)):
        file = formats.read(folder / f"{name}.csv")
        assert len(file.people) == people and file.points == tuple("ABC")
    table = formats.read(folder / "sleap_analysis.csv")
    np.testing.assert_allclose(table.people["1"][0, 0, :2], (205.9301, 187.8896), atol=1e-4)
    pytest.importorskip("h5py")
    sleap = formats.read(folder / "sleap_analysis_3frames.h5")
    assert sleap.points == ("top", "front", "rear")
    np.testing.assert_allclose(sleap.people["1"][0, 0, :2], (322.876, 60.3079), atol=1e-3)


def test_tables_of_pandas_are_deeplabcuts_predictions_and_labels(tmp_path):
    h5py = pytest.importorskip("h5py")
    wanted = np.arange(1.0, 25).reshape(2, 2, 2, 3)  # frames, individuals, points
    wanted[..., 2] = 0.5
    for text, name in ((PREDICTIONS, ""), (LABELS, "img")):
        path = tmp_path / "videoDLC.h5"
        path.write_bytes(table(text))
        ((recording, file),) = formats.read_all(path).items()
        assert recording == name and file.points == ("nose", "left_wrist") and not file.depth
        for i, who in enumerate("ab"):
            np.testing.assert_array_equal(file.people[who], wanted[:, i])
    with h5py.File(path, "w") as other:
        other.create_group("df_with_missing").attrs["pandas_type"] = "frame_table"
        rows = np.zeros(2, [("index", "i8"), ("values_block_0", "f8", (3,))])
        other["df_with_missing/table"] = rows
        kind = pickle.dumps([("net", "nose", "x"), os.system], 0)
        other["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(kind)
    with pytest.raises(InputError, match=r"asks for \w+\.system, which is more than data"):
        formats.read(path)


def test_hdf5_of_sleap_by_frames_and_of_movement(tmp_path):
    h5py = pytest.importorskip("h5py")
    places = np.arange(1.0, 49).reshape(4, 3, 2, 2)  # frames, points, x and y, people
    with h5py.File(tmp_path / "sleap.h5", "w") as file:
        file["tracks"], file["node_names"] = places, np.array([b"a", b"b", b"c"])
    with h5py.File(tmp_path / "movement.nc", "w") as file:
        file["position"] = places.swapaxes(1, 2)
        file["confidence"] = np.full((4, 3, 2), 0.5)
        file["keypoints"], file["individuals"] = (
            np.array([b"a", b"b", b"c"]),
            np.array([b"1", b"2"]),
        )
        file.attrs["fps"] = 25.0
    for name, rate in (("sleap.h5", None), ("movement.nc", 25)):
        file = formats.read(tmp_path / name)
        assert file.points == ("a", "b", "c") and file.rate == rate
        for i, who in enumerate("12"):
            np.testing.assert_array_equal(file.people[who][..., :2], places[..., i])


def test_landmarks_in_a_picture_and_dot_pose_are_read(shared):
    file = formats.read(shared / "formats/mediapipe/pose33_wide_numbered_columns_first100rows.csv")
    assert not file.depth and any("shares" in note for note in file.notes)
    np.testing.assert_allclose(file.people["1"][0, 0], (0.44325, 0.69787, 0.99999), atol=1e-5)
    for name, frames, place in (
        ("openpose137", 93, (158.329, 70.6147, 0.90106)),
        ("viewer_example", 66, (757.107, 293.548)),
    ):
        file = formats.read(shared / f"formats/pose_format/{name}.pose")
        assert (file.layout, file.rate, file.size) == ("body25_137", 24, (1000, 1000))
        (track,) = file.people.values()
        assert track.shape == (frames, 137, 3)
        np.testing.assert_allclose(track[0, 0, : len(place)], place, rtol=1e-5)


def instance(x, **more):
    return {
        "keypoints": [[x + i, 2.0 * i + 1] for i in range(17)],
        "keypoint_scores": [0.5] * 17,
    } | more


def test_mmpose_counts_frames_from_0_or_1_and_writes_boxes_in_a_list(tmp_path):
    frames = [
        {
            "frame_id": i,
            "instances": [instance(10.0, bbox=[[0, 0, 9, 9]], bbox_score=0.9)] * (i != 2),
        }
        for i in range(1, 5)
    ]
    alone, demo = tmp_path / "predictions.json", tmp_path / "results.json"
    names = dict(enumerate(formats.LAYOUTS["coco17"]))
    alone.write_text(json.dumps(frames))
    demo.write_text(json.dumps({"meta_info": {"keypoint_id2name": names}, "instance_info": frames}))
    for path, seen in ((alone, [0, 1, 0, 1, 1]), (demo, [1, 0, 1, 1])):
        file = formats.read(path)
        assert file.layout == "coco17"
        assert list(np.isfinite(file.people["1"][:, 0, 0]).astype(int)) == seen


@pytest.mark.parametrize(
    "text, said",
    [
        ("[", "JSON"),
        ("[" * 100_000, "JSON"),
        ('[{"image_id": "1.jpg", "keypoints": [1, 2, 3]}]', "1 points, which is not"),
        ('[{"image_id": "1.jpg", "keypoints": "x"}]', "AlphaPose or COCO"),
        ('{"people": 7}', "none of the"),
        ('{"version": 1.3, "people": []}', "nobody is found"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "OpenPose"),
        ('{"images": [], "annotations": [{"keypoints": [1, 2, 3]}], "categories": []}', "named"),
        ('{"meta": 1}', "none of the"),
        ("", "none of the"),
    ],
)
def test_damaged_json_is_refused_with_what_was_expected(tmp_path, text, said):
    path = tmp_path / "joints.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        formats.read(path)
    assert str(refused.value).startswith(str(path))


def numbers(points):
    """Points (P, 2 or 3) as OpenPose's and AlphaPose's flat lists with a confidence."""
    return np.column_stack([points[:, :2], np.full(len(points), 0.7)]).ravel().tolist()


def test_alphapose_in_openposes_form_and_coco_in_pieces(tmp_path):
    body = np.random.default_rng(0).uniform(10, 90, (18, 2))
    for key, one in (("people", "pose_keypoints_2d"), ("bodies", "joints")):
        pages = {f"{i}.jpg": {key: [{one: numbers(body + i)}]} for i in (0, 1, 3)}
        (tmp_path / "all.json").write_text(json.dumps(pages))
        file = formats.read(tmp_path / "all.json")
        assert file.layout == "coco18" and list(file.people) == ["1"]
        track = file.people["1"][[0, 1, 3], :, 0]
        np.testing.assert_allclose(track - body[:, 0], [[0] * 18, [1] * 18, [3] * 18], atol=1e-4)
        assert np.isnan(file.people["1"][2]).all()
    parts = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
    parts |= {"lefthand_kpts": 21, "righthand_kpts": 21}
    row = {key: numbers(np.full((n, 2), i + 1.0)) for i, (key, n) in enumerate(parts.items())}
    (tmp_path / "whole.json").write_text(json.dumps([{"image_id": 5, "category_id": 1} | row]))
    file = formats.read(tmp_path / "whole.json")
    assert file.layout == "wholebody133"
    assert file.people["1"][0, file.points.index("left_hand_wrist"), 0] == 4


def test_a_folder_of_easymocap_keeps_ids_and_frames(tmp_path):
    pose = np.full((25, 4), [0.0, 0.0, 0.0, 1.0])
    for joint, (x, y, z) in STANDING.items():
        word = dict(zip(H36M.joints, formats.LAYOUTS["h36m17"]))[joint]
        if word in formats.LAYOUTS["body25"]:
            pose[formats.LAYOUTS["body25"].index(word), :3] = x, z, -y  # z up
    pose[-1] = 0  # missing
    for i in range(4):
        people = [{"id": 3, "keypoints3d": pose.tolist()}] * (i != 2)
        (tmp_path / f"{i:06}.json").write_text(json.dumps(people))
    file = formats.read(tmp_path)
    track = formats.joints_of(file)["3"]
    assert "z is up, by where heads are" in file.notes and np.isnan(track[2]).all()
    knee = H36M.index("L_Knee")[0]
    np.testing.assert_allclose(track[0, knee], STANDING["L_Knee"], atol=1e-6)
    assert np.isnan(file.people["3"][0, -1]).all()


def test_ntu_and_dailyactivity_keep_empty_frames_and_bodies_apart(tmp_path):
    def body(person, x):
        rows = "\n".join(f"{x} {0.1 * j + 0.1} 3 0 0 0 0 0 0 0 1 2" for j in range(25))
        return f"{person} 0 1 1 1 1 0 0.1 0.2 2\n25\n{rows}\n"

    ntu = tmp_path / "S001C001P001R001A001.skeleton"
    ntu.write_text(f"3\n2\n{body(7, 0.5)}{body(9, -0.5)}0\n1\n{body(7, 0.6)}")
    file = formats.read(ntu)
    assert file.layout == "kinect25" and list(file.people) == ["7", "9"] and file.rate == 30
    np.testing.assert_allclose(file.people["7"][[0, 2], 1], [(-0.5, -0.2, 3), (-0.6, -0.2, 3)])
    assert np.isnan(file.people["7"][1]).all() and np.isnan(file.people["9"][1:]).all()
    daily = tmp_path / "a01_s01_e01_skeleton.txt"
    rows = "\n".join(f"{j} 1 2 1\n0.5 0.5 0.1 1" for j in range(20))
    daily.write_text(f"3 20\n40\n{rows}\n0\n40\n{rows}\n")
    file = formats.read(daily)
    assert file.people["1"].shape == (3, 20, 3) and np.isnan(file.people["1"][1]).all()
    np.testing.assert_allclose(file.people["1"][2, 4], (-4, -1, 2))


def test_arrays_need_a_layout_or_a_list_of_names_where_several_fit(tmp_path):
    pose = np.stack([posture(STANDING)] * 4)
    np.save(tmp_path / "joints.npy", pose)
    file = formats.read(tmp_path / "joints.npy")
    assert file.layout == "h36m17"  # the only order of 17 that makes a body of them
    np.save(tmp_path / "short.npy", pose[:, 1:13])
    with pytest.raises(InputError, match="12 points do not tell what they are: give a layout"):
        formats.read(tmp_path / "short.npy")
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"{name} joint" for name in H36M.joints[1:13]).replace(" joint", ""))
    named = formats.read(tmp_path / "short.npy", str(names))
    hip = H36M.index("R_Hip")[0]
    np.testing.assert_allclose(formats.joints_of(named)["1"][:, hip], pose[:, hip], atol=1e-6)
    assert np.isnan(formats.joints_of(named)["1"][:, H36M.index("R_Wrist")[0]]).all()
    table = tmp_path / "odd.csv"
    table.write_text("bone7_x,bone7_y,bone7_z,b8_x,b8_y,b8_z\n1,2,3,4,5,6\n1,2,3,4,5,6\n")
    names.write_text("bone7,left_hip\nb8,left_knee\n")
    odd = formats.read(table, str(names))
    assert odd.points == ("left_hip", "left_knee")
    names.write_text("bone1,left_hip\n")
    with pytest.raises(InputError, match="names none of its points, which are bone7, b8"):
        formats.read(table, str(names))
    flat = np.concatenate([100 * pose[..., :2], np.full((4, 17, 1), 0.5)], -1)
    np.save(tmp_path / "flat.npy", flat)
    with pytest.raises(InputError, match="give a layout"):
        formats.read(tmp_path / "flat.npy")
    assert not formats.read(tmp_path / "flat.npy", "coco17").depth


def test_freemocaps_tables_in_millimetres_wide_and_long(tmp_path):
    names = formats.LAYOUTS["mediapipe33"]
    rng = np.random.default_rng(0)
    points = rng.normal(0, 10, (3, 33, 3)) + [0, 0, 1000]
    for joint, word in zip(H36M.joints, formats.LAYOUTS["h36m17"]):
        if word in names:
            x, y, z = STANDING[joint]
            points[:, names.index(word)] = 1000 * np.array([x, z, -y])  # z up
    wide = tmp_path / "mediapipe_body_3d_xyz.csv"
    columns = [f"{name}_{axis}" for name in names for axis in "xyz"]
    np.savetxt(wide, points.reshape(3, -1), delimiter=",", header=",".join(columns), comments="")
    long = tmp_path / "freemocap_data_by_frame.csv"
    rows = [
        f"{t},{name},{model},{kind},{','.join(map(str, points[t, i] + (kind == 'rigid')))}"
        for t in range(3)
        for i, name in enumerate(names)
        for model in ("mediapipe.body", "mediapipe.left_hand")
        for kind in ("3d_xyz", "rigid")
    ]
    long.write_text("\n".join(["frame,keypoint,model,trajectory,x,y,z", *rows]))
    for path in (wide, long):
        file = formats.read(path)
        assert file.layout == "mediapipe33" and "z is up, by where heads are" in file.notes
        knee = H36M.index("L_Knee")[0]
        track = formats.joints_of(file)["1"]
        np.testing.assert_allclose(track[:, knee], [STANDING["L_Knee"]] * 3, atol=1e-4)


def c3d(processor, whole):
    """Two markers in three frames, the second lost in the last, as that processor writes them."""
    order = ">" if processor == 86 else "<"

    def floats(*numbers):
        if processor == 85:  # DEC
            words = (np.array(numbers, "<f4") * 4).view("<u2").reshape(-1, 2)[:, ::-1]
            return words.tobytes()
        return np.array(numbers, order + "f4").tobytes()

    def parameter(name, kind, shape, values, last=False):
        body = struct.pack("bB", kind, len(shape)) + bytes(shape) + values + b"\0"
        step = 0 if last else len(body) + 2
        return struct.pack("bb", len(name), 1) + name + struct.pack(order + "h", step) + body

    group = struct.pack("bb", 5, -1) + b"POINT" + struct.pack(order + "h", 3) + b"\0"
    about = group + parameter(b"LABELS", -1, (4, 2), b"LASIRASI")
    about += parameter(b"UNITS", -1, (2,), b"cm", last=True)
    scale = 0.5 if whole else -0.5
    words = struct.pack(order + "5H", 2, 1, 10, 12, 0)
    header = b"\x02\x50" + words + floats(scale) + struct.pack(order + "2H", 3, 1) + floats(50.0)
    places = [[10, 20, 30, 0, 40, 50, 60, 0, 7]] * 2 + [[10, 20, 30, 0, 0, 0, 0, -1, 7]]
    data = np.array(places)  # an analog channel is last
    data = data.astype(order + "i2").tobytes() if whole else floats(*data.ravel())
    block = bytes(3) + bytes([processor]) + about
    return header.ljust(512, b"\0") + block.ljust(512, b"\0") + data


@pytest.mark.parametrize("processor", [84, 85, 86])
@pytest.mark.parametrize("whole", [True, False])
def test_c3d_of_every_processor_in_whole_and_in_real_numbers(processor, whole, tmp_path):
    path = tmp_path / "markers.c3d"
    path.write_bytes(c3d(processor, whole))
    file = formats.read(path)
    assert file.points == ("LASI", "RASI") and file.rate == 50
    assert "the first frame here is number 10 there" in file.notes
    factor = 0.005 if whole else 0.01  # metres, of centimetres, in units of the scale
    track = file.people["1"]
    np.testing.assert_allclose(track[:, 0], [np.array(Z_UP(10, 20, 30)) * factor] * 3, atol=1e-6)
    np.testing.assert_allclose(track[1, 1], np.array(Z_UP(40, 50, 60)) * factor, atol=1e-6)
    assert np.isnan(track[2, 1]).all()
    path.write_bytes(path.read_bytes()[:-12])
    assert "the header says 3 frames, 2 are there" in formats.read(path).notes


def test_points_that_have_numbers_alone_are_mediapipes_where_there_are_33(tmp_path):
    world = np.random.default_rng(0).normal(0, 0.01, (3, 33, 3))
    for joint, word in zip(H36M.joints, formats.LAYOUTS["h36m17"]):
        if word in formats.LAYOUTS["mediapipe33"]:
            place = np.array(STANDING[joint]) - [0, 0, 2]  # about the hips, y down
            world[:, formats.LAYOUTS["mediapipe33"].index(word)] = place
    path = tmp_path / "landmarks.csv"
    header = [f"pose_{i}_{axis}" for i in range(33) for axis in "xyz"]
    header += [f"left_hand_{i}_{axis}" for i in range(21) for axis in "xyz"]
    rows = np.hstack([world.reshape(3, -1), np.full((3, 63), 0.3)])
    np.savetxt(path, rows, delimiter=",", header=",".join(header), comments="")
    frames = [[dict(zip("xyz", point)) for point in frame] for frame in world.tolist()]
    (tmp_path / "landmarks.json").write_text(json.dumps(frames))
    picture = [
        [{"x": p["x"] / 4 + 0.5, "y": p["y"] / 4 + 0.5, "z": 0.0} for p in f] for f in frames
    ]
    (tmp_path / "picture.json").write_text(json.dumps(picture))
    knee = H36M.index("L_Knee")[0]
    for file in (formats.read(path), formats.read(tmp_path / "landmarks.json")):
        assert file.depth and file.layout.startswith("mediapipe")
        track = formats.joints_of(file)["1"]
        np.testing.assert_allclose(track[:, knee], [(0.1, 0.4, 0)] * 3, atol=1e-6)
    assert not formats.read(tmp_path / "picture.json").depth
    twelve = tmp_path / "twelve.csv"
    twelve.write_text(
        ",".join(f"p{i}_{a}" for i in range(12) for a in "xyz") + "\n" + "1," * 35 + "1"
    )
    with pytest.raises(InputError, match="12 numbered points do not tell what they are"):
        formats.read(twelve)
