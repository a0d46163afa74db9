"""Training of meshes: on simulated people with bodies fitted, and by the original's files."""

import dataclasses
import pickle
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from bodies.bodies import write_smpl
from build import TINY, config
from data.originals import FULL_SIZE
from run.headless import command_line

from mbnb.baselines.meshes import FrameMesh
from mbnb.bodies import load_body, recordings
from mbnb.bodies.fit import fit_person
from mbnb.bodies.windows import MeshRecipe
from mbnb.config import Config, read_yaml
from mbnb.data.motion import load_motion
from mbnb.evaluate import meshes
from mbnb.evaluate.meshes import ERRORS, FITTED, IK, NETWORK, by_part, evaluate_meshes, mesh_table
from mbnb.files import InputError
from mbnb.model.checkpoints import build_backbone, read_checkpoint
from mbnb.model.mesh import MeshHead, MeshNet
from mbnb.skeleton import load_skeleton
from mbnb.train.mesh import train_meshes
from mbnb.train.mesh_losses import body_loss
from mbnb.train.mesh_start import solve_heads

PEOPLE = dict(simulated_people=5, simulated_test_people=2, simulated_clips=1, val_fraction=0.3)
MESH = dict(
    finetune=False,
    partial_train=None,
    epochs=60,
    checkpoint_frequency=20,
    batch_size=128,
    batch_size_img=512,
    dropout=0.1,
    dropout_loc=1,
    lr_backbone=5e-5,
    lr_head=5e-4,
    weight_decay=0.01,
    lr_decay=0.98,
    **FULL_SIZE,
    hidden_dim=1024,
    data_root="data/mesh",
    dt_file_h36m="mesh_det_h36m.pkl",
    dt_file_coco="mesh_det_coco.pkl",
    dt_file_pw3d="mesh_det_pw3d.pkl",
    clip_len=16,
    data_stride=8,
    sample_stride=1,
    flip=True,
    train_pw3d=True,
    warmup_h36m=20,
    warmup_coco=100,
    loss_type="L1",
    lambda_3d=0.5,
    lambda_scale=0,
    lambda_3dv=10,
    lambda_lv=0,
    lambda_lg=0,
    lambda_a=0,
    lambda_av=0,
    lambda_pose=1000,
    lambda_shape=1,
    lambda_norm=20,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on simulated people, its data and its history; fits stop early."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordings, "CACHE", tmp_path_factory.mktemp("fits"))
        patch.setattr(recordings, "STEPS", 4)
        chosen = config(outputs=tmp_path_factory.mktemp("outputs"), run="mesh", **PEOPLE)
        data = load_motion(chosen)
        yield chosen, data, train_meshes(chosen, data)


def test_a_training_goes_through_the_loop_and_is_resumed_and_scored(trained, capsys, monkeypatch):
    monkeypatch.setattr(meshes, "fit_person", partial(fit_person, steps=4))
    chosen, data, history = trained
    assert history["epoch"].tolist() == [1, 2]
    assert np.isfinite(history[["train_loss", "train_error", "val_error"]]).all(axis=None)
    fits = sorted(recordings.CACHE.glob("fit-*.npz"))
    train_meshes(chosen, data)
    assert "has its 2 epochs already" in capsys.readouterr().out
    assert sorted(recordings.CACHE.glob("fit-*.npz")) == fits  # nobody is fitted again
    simpler = dataclasses.replace(chosen, run="frames", epochs=1)
    train_meshes(simpler, data, network=FrameMesh)
    others = {"frames": simpler.folder.best}
    recovered = evaluate_meshes(chosen, chosen.folder.best, data, others)
    table = mesh_table(recovered, chosen)
    assert list(table.index) == [NETWORK, "frames", IK, FITTED]
    with pytest.raises(InputError, match="--each-frame"):
        evaluate_meshes(chosen, chosen.folder.best, data, {"frames": chosen.folder.best})
    assert np.isfinite(table[list(ERRORS)]).all(axis=None)
    # A lifter that knows how people move is better than a network after two epochs.
    assert table.loc[IK, "mpve"] < table.loc[NETWORK, "mpve"]
    assert (table["pa_mpjpe"] < table["mpjpe"]).all()
    parts = by_part(recovered, load_body())
    assert parts.loc["head", IK] > parts.loc["root", IK]
    assert chosen.folder.meshes.exists() and chosen.folder.mesh_clips.exists()


def test_a_head_solved_in_closed_form_is_better_than_saying_the_mean(trained):
    chosen, data, _ = trained
    body = load_body()
    bodies = recordings.fit_recordings(data, body, ("train",))["train"]
    recipe = MeshRecipe(bodies, body, chosen, load_skeleton(), torch.device("cpu"))
    torch.manual_seed(0)
    backbone = build_backbone(chosen, 17)
    head = MeshHead(len(body), chosen.patch, 0.0, chosen.dim_rep, 17, 64)
    network = MeshNet(backbone, head)
    order = torch.arange(len(recipe)).repeat(4).split(64)
    solve_heads(network, recipe.training_batches(order))
    batch = next(iter(recipe.training_batches(order)))
    with torch.no_grad():
        solved, error = body_loss(*network(batch.x), batch.rotations, batch.shape, body)
        network.train()
        in_training, _ = body_loss(*network(batch.x), batch.rotations, batch.shape, body)
        head.head_pose.weight.zero_()
        head.head_shape.weight.zero_()
        _, other = body_loss(*network(batch.x), batch.rotations, batch.shape, body)
    assert error < 0.9 * other
    assert in_training == pytest.approx(solved.item(), rel=0.2)  # batch statistics are alike


def test_every_key_of_the_original_s_files_is_taken_over_or_said_to_be_idle(tmp_path, capsys):
    path = tmp_path / "MB_ft_pw3d.yaml"
    path.write_text(yaml.safe_dump(MESH))
    chosen = Config.of(read_yaml(path))
    said = capsys.readouterr().err
    assert chosen.parity and chosen.run == "MB_ft_pw3d" and chosen.dropout_ratio == 0.1
    assert chosen.motion == [f"data/mesh/mesh_det_{one}.pkl" for one in ("h36m", "coco", "pw3d")]
    for name in ("lambda_pose", "loss_type", "warmup_h36m", "batch_size_img", "data_stride"):
        assert f"{name} " in said
    assert (chosen.clip_len, chosen.hidden_dim, chosen.lr_head) == (16, 1024, 5e-4)
    without = Config.of(read_yaml(path) | {"train_pw3d": False})
    assert without.motion == ["data/mesh/mesh_det_h36m.pkl", "data/mesh/mesh_det_coco.pkl"]


def write_pictures(path, frames, name="walk", single=False):
    rng = np.random.default_rng(0)

    def part():
        rows = {
            "joint_2d": rng.uniform(100, 500, (frames, 17, 2)),
            "confidence": rng.uniform(0, 1.2, (frames, 17)),
            "source": [name] * frames,
            "smpl_pose": rng.normal(0, 0.2, (frames, 72)),
            "smpl_shape": rng.normal(0, 1, (frames, 10)),
        }
        return rows | ({} if single else {"camera_name": ["54138969"] * frames})

    path.write_bytes(pickle.dumps({"train": part(), "test": part()}))


def test_the_original_s_files_train_and_score_by_command(tmp_path):
    for name, frames in (("h36m", 40), ("coco", 6), ("pw3d", 24)):
        write_pictures(tmp_path / f"mesh_det_{name}.pkl", frames, single=name == "coco")
    write_smpl(tmp_path)
    small = {k: TINY[k] for k in ("dim_feat", "dim_rep", "depth", "num_heads", "hidden_dim")}
    changed = dict(small, epochs=1, batch_size=4, data_root=str(tmp_path), finetune=False)
    (tmp_path / "MB_train.yaml").write_text(yaml.safe_dump(MESH | changed))
    more = ["-p", "body", str(tmp_path / "SMPL_NEUTRAL.npz"), "-p", "outputs", str(tmp_path)]
    more += ["-p", "device", "cpu"]
    out = command_line("mesh-train", "-f", tmp_path / "MB_train.yaml", *more).stdout
    assert "train_error" in out
    best = tmp_path / "MB_train" / "checkpoints" / "best.pt"
    assert read_checkpoint(best)["task"] == "meshes"
    scored = command_line("evaluate", best, "-f", tmp_path / "MB_train.yaml", *more).stdout
    for name in ("h36m", "coco", "pw3d"):
        assert f"mesh_det_{name}.pkl" in scored
