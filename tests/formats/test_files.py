"""Real files of other people's tools: what is in each, or why there is nothing."""

import json

import numpy as np
import pytest
from build import H36M

from mbnb import formats
from mbnb.files import InputError

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


def test_boxes_around_people_are_no_joints(shared):
    with pytest.raises(InputError, match="118 boxes around people and no joints"):
        formats.read(shared / "formats/mmaction_mmpose/coco_person_boxes_results.json")


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
