"""Exported networks answer as torch does, for any number of clips of any length."""

import json

import numpy as np
import pytest
import torch
from build import CLASSES, H36M, clips, config, moving
from run.headless import command_line

import mbnb
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.files import InputError
from mbnb.model.checkpoints import build_model, build_pose_net, load_trained, save_checkpoint
from mbnb.model.export import card, example, export, reader
from mbnb.model.predict import Network

LENGTHS, COUNTS = (1, 27, 81, 243), (1, 7)
onnxruntime = pytest.importorskip("onnxruntime")


def shaken(model):
    """The same model as if it had learned: nothing in it is as it was made."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
    return model.eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny model of the default recipe with all streams, which was calibrated."""
    settings = config(patch=4, clip_len=64, views=2)
    path = tmp_path_factory.mktemp("trained") / "best.pt"
    model = shaken(build_model(settings, len(CLASSES), 17, regions=2))
    save_checkpoint(path, model, settings, CLASSES, temperature=0.7, epoch=1)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint):
    """The file that the command wrote of it, and what it printed."""
    path = checkpoint.with_name("best.onnx")
    result = command_line("export", checkpoint, path)
    assert result.exit_code == 0, result.output
    return path, result.stdout


def test_a_file_answers_as_predictions_do_for_every_length_and_number(checkpoint, exported):
    trained = load_trained(checkpoint, Config())
    network = Network(trained, H36M, CLASSES, trained.config)
    assert len(network.views) == 4  # mirrored, too
    read = reader(exported[0])
    for frames in LENGTHS:
        for count in COUNTS:
            poses = [moving(i % 4, i, max(frames, 2))[:frames] for i in range(count)]
            names = [f"{i}" for i in range(count)]
            expected = network.answer(pack(poses, names, [0] * count, names))
            found, features = read(np.stack(poses), np.array(30, np.float32))
            np.testing.assert_allclose(found, expected, atol=1e-4)
            assert features.shape == (count, trained.config.hidden_dim)


def test_frames_a_second_matter_and_the_unit_does_not(exported):
    read, pose = reader(exported[0]), moving(1, 0, 40)[None]
    metres, _ = read(pose, np.array(30, np.float32))
    millimetres, _ = read(1000 * pose, np.array(30, np.float32))
    faster, _ = read(pose, np.array(60, np.float32))
    np.testing.assert_allclose(metres, millimetres, atol=1e-5)
    assert np.abs(metres - faster).max() > 1e-3


def test_a_file_says_what_is_in_it(checkpoint, exported):
    path, said = exported
    session = onnxruntime.InferenceSession(path)
    about = json.loads(session.get_modelmeta().custom_metadata_map["mbnb"])
    assert about["classes"] == list(CLASSES.titles) and about["joints"] == list(H36M.joints)
    assert about["config"]["patch"] == 4 and about["config"]["outputs"] == "outputs"
    assert about["origin"].startswith("best.pt learned from") and about["origin"] in said
    assert "smoothed, standardised, resampled inside" in about["takes"]
    assert [one.name for one in session.get_inputs()] == about["inputs"] == ["clips", "fps"]
    assert session.get_inputs()[0].shape == ["clips", "frames", 17, 3]
    assert [one.name for one in session.get_outputs()] == about["outputs"]
    assert str(checkpoint.parent) not in json.dumps(about)


def test_what_is_prepared_by_its_user_goes_to_pt2_as_it_is(tmp_path):
    settings = Config.of({"recipe": "parity"}, dict(dim_feat=8, dim_rep=8, depth=1, num_heads=8))
    encoder = shaken(build_pose_net(settings, joints=17))
    torch.save({"model_pos": encoder.state_dict()}, tmp_path / "theirs.bin")
    model = mbnb.load(tmp_path / "theirs.bin", num_heads=8)
    path = tmp_path / "encoder.pt2"
    assert export(model, [path])[path] < 1e-5
    read = reader(path)
    for frames in LENGTHS:
        (given,) = example(model, frames, clips=2)
        told = model.get_representation(given), model.pose(given)
        for one, other in zip(told, read(given), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    extra = {"mbnb.json": ""}
    torch.export.load(path, extra_files=extra)
    assert json.loads(extra["mbnb.json"]) == json.loads(json.dumps(card(model)))
    assert "nothing is prepared inside" in card(model)["takes"]


def test_other_names_of_files_are_refused(checkpoint, tmp_path):
    model = mbnb.load(checkpoint)
    with pytest.raises(InputError, match=r"a\.tflite: expected a name in \.onnx or \.pt2"):
        export(model, [tmp_path / "a.tflite"])
    result = command_line("export", "nobody", tmp_path / "a.onnx")
    assert result.exit_code == 2 and "no such file, and no run" in result.stderr


def test_a_lifter_and_the_parity_recipe_say_what_they_take(checkpoint, tmp_path):
    lifter = card(mbnb.load("encoder", without_depth=True))
    assert "z not looked at" in lifter["takes"] and lifter["outputs"] == ("representation", "pose")
    settings = config(recipe="parity", clip_len=20)
    save_checkpoint(tmp_path / "p.pt", build_model(settings, 4, 17), settings, CLASSES)
    parity = mbnb.load(tmp_path / "p.pt")
    assert card(parity)["inputs"] == ("clips",)
    data = clips("ab", [0, 1], pose=moving, classes=CLASSES)
    network = Network(load_trained(tmp_path / "p.pt", Config()), H36M, CLASSES, settings)
    for i, expected in enumerate(network.answer(data)):
        np.testing.assert_allclose(parity.predict(data[i]), expected, atol=1e-6)
