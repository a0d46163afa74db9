"""The head that tells bodies, against the numbers of the original's own code."""

import dataclasses

import pytest
import torch
from bodies.bodies import golden_body

from mbnb.config import Config
from mbnb.files import InputError
from mbnb.model.dstformer import DSTformer
from mbnb.model.mesh import MeshHead, MeshNet, both_ways, flip_averaged, meshes_of
from mbnb.model.mesh_files import load_mesh_net
from mbnb.prepare.geometry import flip
from mbnb.skeleton import load_skeleton
from mbnb.train.mesh_losses import parity_loss


@pytest.fixture(scope="module")
def golden(shared):
    return torch.load(shared / "golden" / "motionbert" / "mesh.pt", weights_only=True)


def golden_network(golden):
    config = dict(golden["config"])
    joints, hidden = config.pop("num_joints"), golden["hidden_dim"]
    network = MeshNet(
        DSTformer(dim_in=3, dim_out=3, num_joints=joints, **config),
        MeshHead(24, dim_rep=config["dim_rep"], hidden_dim=hidden),
    )
    network.load_state_dict(golden["state_dict"])
    return network


@pytest.mark.parametrize("mode", ("eval", "train"))
def test_outputs_losses_and_gradients_are_the_original_s(golden, mode):
    network = golden_network(golden).double().train(mode == "train")
    expected, body = golden[mode], golden_body(golden)
    found = meshes_of(body, *network(golden["x"].double()))
    for name, value in (
        ("theta", found.theta),
        ("verts", found.vertices),
        ("kp_3d", found.landmarks),
    ):
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=0)
    true = (golden["gt"][name].double() for name in ("theta", "kp_3d"))
    loss = parity_loss(found.theta, found.landmarks, *true)
    assert loss.item() == pytest.approx(expected["total_L1"], abs=1e-6)
    loss.backward()
    weights = dict(network.named_parameters())
    for name, gradient in expected["grad"].items():
        off = (weights[name].grad - gradient).norm() / gradient.norm()
        assert off < 1e-5, name


def test_the_mean_with_the_mirror_is_the_original_s(golden):
    network, body = golden_network(golden).eval(), golden_body(golden).to(torch.float32)
    with torch.no_grad():
        found = flip_averaged(network, body, golden["x"])
    expected = golden["flip_average"]
    torch.testing.assert_close(found.vertices, expected["verts"], atol=1e-2, rtol=0)
    torch.testing.assert_close(found.landmarks, expected["kp_3d"], atol=1e-2, rtol=0)


def test_ours_tells_the_same_body_whichever_way_round_it_is_shown(golden):
    network, body = golden_network(golden).eval(), golden_body(golden).to(torch.float32)
    x, mirror = golden["x"], load_skeleton().mirror

    def said(seen):
        rotations, shape = network(torch.cat([seen, flip(seen, mirror)]))
        each = shape[:, None].expand(-1, rotations.shape[1], -1)
        return both_ways(torch.cat([rotations.flatten(-3), each], dim=-1), body)

    with torch.no_grad():
        straight, back = said(x), said(flip(x, mirror))
    from mbnb.bodies.rotations import mirror_rotations

    rotations = straight[..., :216].unflatten(-1, (24, 3, 3))
    mirrored = mirror_rotations(rotations, torch.tensor(body.mirror)).flatten(-3)
    torch.testing.assert_close(back[..., :216], mirrored, atol=1e-5, rtol=0)
    torch.testing.assert_close(back[..., 216:], straight[..., 216:])


def test_the_original_s_checkpoints_load_but_for_the_arrays_of_smpl(golden, tmp_path):
    weights = {f"module.{name}": value for name, value in golden["state_dict"].items()}
    weights |= {f"module.head.smpl.{n}": v for n, v in golden["body"].items()}
    path, body = tmp_path / "best_epoch.bin", golden_body(golden).to(torch.float32)
    torch.save({"epoch": 3, "model": weights}, path)
    network, config = load_mesh_net(path, Config.of({"num_heads": 4}), body)
    assert config.parity and config.hidden_dim == 14
    with torch.no_grad():
        rotations, shape = network(golden["x"])
        expected, its_shape = golden_network(golden).eval()(golden["x"])
    torch.testing.assert_close(rotations, expected)
    torch.testing.assert_close(shape, its_shape)
    small = dataclasses.replace(body, parents=body.parents[:20])
    with pytest.raises(InputError, match="tells 24 joints.*has 20; .*SMPL with its 24"):
        load_mesh_net(path, Config.of({"num_heads": 4}), small)
