"""Weights that come with mbnb: whole, small, named, and used where they fit."""

import json
import shutil

import pytest
import torch
from build import config
from safetensors import safe_open

from mbnb.config import OWN_WEIGHTS, Config
from mbnb.files import InputError
from mbnb.model import shipped
from mbnb.model.checkpoints import (
    build_model,
    load_pose_net,
    load_trained,
    start_from,
    weights_of,
)
from mbnb.model.shipped import find_weights, pack, starting_weights
from mbnb.model.weight_files import OURS, read_checkpoint
from mbnb.skeleton import load_skeleton


def test_all_of_them_are_there_and_told_of():
    card = (shipped.WEIGHTS / "README.md").read_text(encoding="utf-8")
    for name in OWN_WEIGHTS:
        path = find_weights(name)
        assert path.stat().st_size < 4e6
        assert f"`{name}`" in card
        with safe_open(path, framework="pt") as file:
            config_of_file = json.loads(file.metadata()[OURS])["config"]
        assert not any("/" in str(value) for value in config_of_file.values())


def test_the_default_network_starts_from_the_encoder_and_others_from_nothing():
    assert starting_weights(Config.of({})) == "encoder"
    others = {"dim_feat": 32}, {"patch": 2}, {"streams": ["joint"]}, {"preset": "lite"}
    for changes in (*others, {"recipe": "parity"}, {"init_from": ""}):
        assert starting_weights(Config.of(changes)) == ""
    model = build_model(Config.of({}), 5, 17)
    assert "backbone 58 of 58 fit" in start_from(find_weights("encoder"), model, Config.of({}))


def test_the_encoder_tells_poses_and_the_simulated_model_classes():
    network, of_file = load_pose_net(find_weights("encoder"), config())
    assert of_file.dim_feat == network.backbone.dim_feat == Config.of({}).dim_feat
    trained = load_trained(find_weights("simulated_ma52"), config())
    assert trained.classes.names[-1] == "nothing happens" and len(trained.classes) == 53


def test_a_file_that_was_changed_is_refused(monkeypatch, tmp_path):
    shutil.copytree(shipped.WEIGHTS, tmp_path / "weights")
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "weights" / "encoder.safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match="not the weights that came with mbnb: expected sha256"):
        find_weights("encoder")
    (tmp_path / "weights" / "encoder.safetensors").unlink()
    with pytest.raises(InputError, match="found no file"):
        find_weights("encoder")


def test_what_is_packed_answers_as_before(tmp_path):
    packed = tmp_path / "packed.safetensors"
    again = pack(find_weights("simulated_ma52"), packed)
    assert again == pack(packed, tmp_path / "again.safetensors")
    first = load_trained(find_weights("simulated_ma52"), config())
    second = load_trained(packed, config())
    for name, value in first.model.state_dict().items():
        assert value.equal(second.model.state_dict()[name]), name
    assert (first.config, first.classes) == (second.config, second.classes)


def test_a_whole_body_starts_from_the_encoder_whose_joints_find_their_places():
    whole = Config.of({"skeleton": "wholebody44"})
    assert starting_weights(whole) == "encoder"
    theirs, ours = load_skeleton(), load_skeleton("wholebody44")
    model = build_model(whole, classes=3, joints=44)
    told = start_from(find_weights("encoder"), model, whole)
    assert "of another size" not in told.split("head")[0]
    known = weights_of(read_checkpoint(find_weights("encoder")), "encoder")
    (places,) = (value[0] for name, value in known.items() if name.endswith("pos_embed"))
    for joint, place in (
        ("L_Knee", "L_Knee"),
        ("Nose", "Head"),
        ("R_Index", "R_Wrist"),
        ("L_Brow", "Head"),
        ("R_Small_toe", "R_Ankle"),
    ):
        mine = model.backbone.pos_embed[0, ours.joints.index(joint)]
        assert torch.equal(mine, places[theirs.joints.index(place)]), joint
