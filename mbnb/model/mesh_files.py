"""Networks that tell meshes: as settings have them, and from files, ours and the original's."""

import dataclasses
from pathlib import Path

from mbnb.bodies.body import Body
from mbnb.config import Config
from mbnb.files import InputError
from mbnb.model.checkpoints import (
    KINDS,
    OF_NETWORK,
    build_backbone,
    carried_by,
    foreign_config,
    kind_of,
    load_weights,
    weights_of,
)
from mbnb.model.mesh import MeshHead, MeshNet
from mbnb.model.weight_files import read_checkpoint

SMPL_JOINTS = 24


def build_mesh_net(config: Config, body_joints: int, joints: int = 17) -> MeshNet:
    """The configured network with fresh weights."""
    return MeshNet(
        build_backbone(config, joints, outputs=3 * config.patch),
        MeshHead(
            body_joints,
            config.patch,
            config.dropout_ratio,
            config.dim_rep,
            joints,
            config.hidden_dim,
        ),
    )


def load_mesh_net(path: str | Path, config: Config, body: Body) -> tuple[MeshNet, Config]:
    """A network that tells `body`, ours or the original's, and the settings that it goes with.

    The original's has SMPL's arrays beside its weights, which are left alone: `body` has them.
    Raises InputError for what is no such network, and for one of another body.
    """
    content = read_checkpoint(path)
    if (kind := kind_of(content, path)) != "meshes":
        raise InputError(f"{path}: expected {KINDS['meshes']}, found {KINDS[kind]}")
    weights, carried = weights_of(content, path), carried_by(content)
    if carried:
        theirs = dataclasses.asdict(Config.of(saved=carried))
        config = dataclasses.replace(
            config, **{name: theirs[name] for name in (*OF_NETWORK, "hidden_dim", "body")}
        )
    else:
        config = foreign_config(path, content, config)
        hidden = len(weights["head.fc1.weight"])
        config = dataclasses.replace(config, hidden_dim=hidden, streams=["joint"])
    told = len(weights["head.head_pose.bias"]) // (6 * config.patch)
    if told != len(body):
        raise InputError(
            f"{path}: tells {told} joints, the body {body.name!r} has {len(body)}; the setting "
            f"body names another{', as SMPL with its 24 joints' * (told == SMPL_JOINTS)}"
        )
    model = build_mesh_net(config, told, weights["backbone.pos_embed"].shape[1])
    report = load_weights(model, weights)
    missing = [name for name in report.missing if not name.startswith("backbone.head.")]
    if missing or report.mismatched:
        raise InputError(f"{path}: not whole: {report}")
    return model.eval(), config
