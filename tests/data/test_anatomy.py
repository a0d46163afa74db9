"""How bodies stand: which way is up, left and right, units and order; found, named and mended."""

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pytest
from build import H36M, SEATED, clips, config, data_folder, person, posture, splits
from data.findings import errors_of, find
from run.headless import command_line
from scipy.spatial.transform import Rotation

from mbnb.clips import Clips, pack
from mbnb.data.checks import Findings
from mbnb.data.dataset import load, verify
from mbnb.data.standing import check_standing
from mbnb.files import InputError
from mbnb.formats.anatomy import axes_to_ours, stance_of
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.skeleton import load_skeleton

SWAPS = "left and right are exchanged"
SWAPPED = list(H36M.mirror)
# What somebody did to the axes, and what `turn` must do to get the same back.
WRONG = {
    "y is up instead": (lambda p: p * [1, -1, -1], '--axes "x -y -z"'),
    "y is up, and left is right": (lambda p: p * [1, -1, 1], '--axes "x -y z"'),
    "z is up": (lambda p: p[..., [0, 2, 1]] * [1, 1, -1], '--axes "x -z y"'),
    "z is up, y to the camera": (lambda p: p[..., [0, 2, 1]] * [-1, -1, -1], '--axes "-x -z -y"'),
    "x is up": (lambda p: p[..., [1, 0, 2]] * [-1, 1, 1], '--axes "y -x z"'),
    "z is reversed": (lambda p: p * [1, 1, -1], '--axes "x y -z"'),
    SWAPS: (lambda p: p[:, SWAPPED], "--swap-sides"),
}


def seated(label, seed):
    """Somebody who sits and sways."""
    sway = 0.0005 * np.random.default_rng(seed).normal(size=(12, 17, 3)).cumsum(0)
    return (posture(SEATED) + sway).astype(np.float32)


def people(change, some=None):
    """Splits of seated people whose clips, all or those at `some`, are changed."""
    made = splits(
        train=clips("abcdef", [0, 8, 17], pose=seated),
        val=clips("gh", [0, 8], "val", pose=seated, seed=100),
        test=clips("ij", [8, 17], "test", pose=seated, seed=200),
    )
    for split, part in made.items():
        frames = part.frames.copy()
        which = range(len(part)) if some is None else some if split == "train" else ()
        for i in which:
            rows = slice(part.starts[i], part.starts[i] + part.lengths[i])
            frames[rows] = change(frames[rows])
        made[split] = dataclasses.replace(part, frames=frames.astype(np.float32))
    return made


def command_of(problem):
    """The arguments of the command that a message names."""
    words = problem[problem.index("python -m mbnb ") :].partition("; if")[0].rstrip(",")
    return shlex.split(words)[3:]


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_axis_is_one_error_with_the_command_that_mends_it(kind, tmp_path):
    change, options = WRONG[kind]
    root = data_folder(tmp_path / "my data", people(change))
    table = verify(root)
    (problem,) = table["problem"]  # one cause, one message
    find(table, "error", root, kind.partition(",")[0])
    first = "18 of 18 clips in train and 4 of 4 clips in val and 4 of 4 clips in test"
    assert first in problem and options in problem
    with pytest.raises(InputError, match="python -m mbnb turn"):
        load(config(data_root=root))
    done = command_line(*command_of(problem))
    assert done.exit_code == 0 and "turned 18 of 18 clips in train" in done.output
    mended = tmp_path / "my data_turned"
    assert not len(verify(mended))
    right, data = people(lambda pose: pose), load(config(data_root=mended))
    for split, part in data.splits.items():
        np.testing.assert_allclose(part.frames, right[split].frames, atol=1e-6)
        assert (part.names, part.subjects) == (right[split].names, right[split].subjects)
        np.testing.assert_array_equal(part.labels, right[split].labels)


@pytest.mark.parametrize("kind", [kind for kind in WRONG if kind != "x is up"])
def test_a_few_wrong_clips_are_a_warning_and_turned_alone(kind, tmp_path):
    root = data_folder(tmp_path / "data", people(WRONG[kind][0], some=(3, 7)), packed=True)
    table = verify(root)
    (problem,) = table["problem"]
    find(table, "warning", root / "train", "2 of 18 clips in train (A1_b_train3, B3_c_train7)")
    data = load(config(data_root=root))
    assert f"warning: {root / 'train'}: {problem}" in data.describe()
    done = command_line(*command_of(problem))
    assert "turned 2 of 18 clips in train, 0 of 4 clips in val" in done.output
    mended = load(config(data_root=tmp_path / "data_turned")).splits["train"]
    np.testing.assert_allclose(mended.frames, people(lambda p: p)["train"].frames, atol=1e-6)


@pytest.mark.parametrize("unit, size", [("millimetres", 1000), ("centimetres", 100)])
def test_another_unit_is_named_and_scaled(unit, size, tmp_path):
    root = data_folder(tmp_path / "data", people(lambda pose: pose * size))
    (problem,) = verify(root)["problem"]
    assert unit in problem and f"--scale {1 / size:g}" in problem
    assert command_line(*command_of(problem)).exit_code == 0
    mended = load(config(data_root=tmp_path / "data_turned")).splits["test"]
    np.testing.assert_allclose(mended.frames, people(lambda p: p)["test"].frames, atol=1e-5)
    some = data_folder(tmp_path / "some", people(lambda pose: pose * size, some=(2,)))
    (problem,) = verify(some)["problem"]
    assert "another size" in problem and "(C3_a_train2)" in problem
    command_line(*command_of(problem))
    assert not len(verify(tmp_path / "some_turned"))


def test_two_faults_at_once_are_mended_at_once(tmp_path):
    root = data_folder(tmp_path / "data", people(lambda p: WRONG["z is up"][0](p) * 1000))
    (problem,) = verify(root)["problem"]
    assert '--axes "x -z y" --scale 0.001' in problem
    assert command_line(*command_of(problem)).exit_code == 0
    assert not len(verify(tmp_path / "data_turned"))


def test_sides_exchanged_in_the_legs_alone_are_an_error(tmp_path):
    legs = [4, 5, 6, 1, 2, 3]

    def change(pose):
        return np.concatenate([pose[:, :1], pose[:, legs], pose[:, 7:]], 1)

    root = data_folder(tmp_path / "data", people(change))
    find(verify(root), "error", root, "left and right are exchanged in the hips")


def as_coco(pose):
    """COCO's points of H36M joints, the face about the nose."""
    points = np.repeat(pose[:, [9]], 17, 1) + np.random.default_rng(0).normal(0, 0.02, (17, 3))
    for joint, sources in sources_of(LAYOUTS["coco17"]).items():
        if len(sources) == 1:
            points[:, sources[0]] = pose[:, H36M.joints.index(joint)]
    return points


def test_joints_in_another_order_are_told_and_known_ones_named(tmp_path):
    root = data_folder(tmp_path / "coco", people(as_coco))
    (problem,) = verify(root)["problem"]
    assert "in another order" in problem and "--joints coco17" in problem
    assert command_line(*command_of(problem)).exit_code == 0
    assert not len(verify(tmp_path / "coco_turned"))
    order = np.random.default_rng(0).permutation(17)
    mixed = data_folder(tmp_path / "mixed", people(lambda pose: pose[:, order]))
    (problem,) = errors_of(verify(mixed))["problem"]
    assert "in another order" in problem and "data/README.md lists them" in problem


def test_points_of_a_picture_lie_in_a_plane(tmp_path):
    root = data_folder(tmp_path / "data", people(lambda pose: pose * [300, 300, 0]))
    find(verify(root), "warning", root, "lie in a plane")
    assert not len(errors_of(verify(root)))


@pytest.mark.parametrize(
    "axis, degrees",
    [("y", 180), ("y", 90), ("x", -50), ("z", 30), ("x", 35)],
    ids=["back to the camera", "from the side", "bent forward", "leaning", "bent back"],
)
def test_people_may_turn_bend_and_lean(axis, degrees, tmp_path):
    turn = Rotation.from_euler(axis, degrees, degrees=True)
    rotate = lambda p: turn.apply(p.reshape(-1, 3)).reshape(p.shape)  # noqa: E731
    some = None if axis == "y" or abs(degrees) < 40 else (1, 5)
    assert not len(verify(data_folder(tmp_path / "data", people(rotate, some))))
    lying = Rotation.from_euler("z", 90, degrees=True)
    few = people(lambda p: lying.apply(p.reshape(-1, 3)).reshape(p.shape), (1, 5))
    assert not len(verify(data_folder(tmp_path / "lying", few)))


@pytest.mark.parametrize("name", ["kinder_gator", "ui_prmd", "mocap", "bandai_pretrain"])
def test_no_recording_of_real_people_is_suspected(shared, name):
    path = shared / "real" / f"{name}.npz"
    with np.load(path) as file:
        frames, offsets = file["frames"].astype(np.float32), file["offsets"]
    count = len(offsets) - 1
    names = tuple(map(str, range(count)))
    real = Clips(frames, offsets[:-1], np.diff(offsets), names, np.zeros(count, int), names)
    some = real.take(np.arange(0, count, 4))
    findings = Findings()
    check_standing(path, {"train": some}, H36M, findings)
    assert findings.rows == []
    upside_down = dataclasses.replace(some, frames=frames * np.float32([1, -1, -1]))
    mirrored = dataclasses.replace(some, frames=frames * np.float32([-1, 1, 1]))
    assert stance_of(upside_down, H36M).upside_down.mean() > 0.98
    assert axes_to_ours(stance_of(upside_down, H36M)).split()[1] == "-y"
    assert stance_of(mirrored, H36M).mirrored.mean() > 0.98


def test_other_tables_of_joints_are_looked_at_in_the_same_way():
    skeleton = load_skeleton("wholebody44")
    whole = clips("abc", [0, 8], skeleton=skeleton)
    findings = Findings()
    turned = dataclasses.replace(whole, frames=whole.frames * np.float32([1, -1, -1]))
    check_standing(Path("data"), {"train": turned}, skeleton, findings)
    assert [row[0] for row in findings.rows] == ["error"]
    assert stance_of(turned, skeleton).upside_down.all()
    assert not stance_of(whole, skeleton).upside_down.any()


def test_turning_asks_for_what_there_is(tmp_path):
    root, out = data_folder(tmp_path / "data", splits()), tmp_path / "out"
    for options, words in (
        (("--axes", "x x z"), "expected x, y and z in some order"),
        (("--scale", "0"), "--scale: expected a number above 0, found 0.0"),
        (("--scale", "nan"), "--scale: expected a number above 0, found nan"),
        (("--scale", "-0.001"), "--scale: expected a number above 0, found -0.001"),
        (("--where", "odd"), "--where: expected one of flat, order"),
        (("--split", "dev"), "--split: no dev"),
        (("--joints", "coco"), "unknown format 'coco'"),
    ):
        done = command_line("turn", root, out, *options)
        assert done.exit_code == 2 and words in done.output and not out.exists()
    done = command_line("turn", root, root)
    assert done.exit_code == 2 and "expected an empty or a new folder" in done.output


@pytest.mark.parametrize("kind, word", [("y is up instead", "heads"), (SWAPS, "exchanged")])
def test_heads_and_shoulders_are_enough_to_see_it(kind, word, tmp_path):
    def change(pose):
        pose[:, 9, 2] -= 0.05  # a nose as long as people's
        pose = np.array(WRONG[kind][0](pose), np.float32)
        pose[:, :8] = np.nan  # below the edge of the picture
        return pose

    root = data_folder(tmp_path / "data", people(change))
    (problem,) = errors_of(verify(root))["problem"]
    assert word in problem
    assert command_line(*command_of(problem)).exit_code == 0
    assert not len(errors_of(verify(tmp_path / "data_turned")))


def test_many_clips_stand_as_each_of_them_does():
    """Whatever their lengths, and however much of them was seen."""
    rng, poses, masks = np.random.default_rng(0), [], []
    for i in range(40):
        poses.append(person(i, int(rng.integers(2, 200)) if i % 3 else 60))
        mask = np.ones(poses[i].shape[:2], bool)
        mask[:, rng.integers(17, size=i % 9)] = False
        mask[rng.random(mask.shape) < (i % 4) / 10] = False
        masks.append(mask)
    names = [str(i) for i in range(40)]
    many = pack(poses, names, [0] * 40, names, seen=masks)
    together = stance_of(many, H36M)
    alone = [stance_of(many.take(np.array([i])), H36M) for i in range(40)]
    for field in dataclasses.fields(together):
        each = np.concatenate([getattr(one, field.name) for one in alone])
        np.testing.assert_allclose(getattr(together, field.name), each, atol=1e-12)
