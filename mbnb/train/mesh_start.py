"""Where a training of meshes begins: a head solved in closed form on the backbone as it is.

What six numbers of each rotation, and a shape, are as sums of the backbone's numbers is a ridge
regression. Its principal directions, and their opposites, become the hidden units, since a number
is what is above zero of it less what is above zero of its opposite.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mbnb.bodies.rotations import matrix_to_six
from mbnb.bodies.windows import MeshWindows
from mbnb.model.mesh import MeshNet

RIDGE = 1e-4  # of the mean squared number
LEAST = 1e-4  # deviation of a number that counts


@torch.no_grad()
def solve_heads(model: MeshNet, windows: Iterable[MeshWindows]) -> None:
    """Set both branches of the head by windows that were drawn for it."""
    head, was_training = model.head, model.training
    model.eval()
    said, pose, shape = [], [], []
    for batch in windows:
        said.append(model.backbone(batch.x, return_rep=True).flatten(2).cpu())  # (B, F / P, J·R)
        six = matrix_to_six(batch.rotations).flatten(2)  # (B, F, K·6)
        six = six.unflatten(1, (-1, head.patch)).flatten(2)  # -> (B, F / P, P·K·6)
        pose.append((six - head.init_pose.repeat(1, head.patch)).cpu())
        shape.append((batch.shape - head.init_shape).cpu())
    tokens, numbers = (torch.cat([one.flatten(0, 1) for one in all]) for all in (said, pose))
    means = torch.cat([one.mean(1) for one in said])
    _solve(head.fc1, head.bn1, head.head_pose, tokens, numbers)
    _solve(head.fc2, head.bn2, head.head_shape, means, torch.cat(shape))
    model.train(was_training)


def _solve(first: nn.Linear, norm: nn.BatchNorm1d, last: nn.Linear, x: Tensor, y: Tensor) -> None:
    """Set three layers so that they tell y (N, C) of x (N, D) as well as sums can."""
    middle, deviation = x.mean(0), x.std(0).clamp_min(LEAST)
    scaled, centre = (x - middle) / deviation, y.mean(0)
    gram = (scaled.T @ scaled).double() + RIDGE * len(x) * torch.eye(x.shape[1]).double()
    weights = torch.linalg.solve(gram, (scaled.T @ (y - centre)).double())  # (D, C)
    # The directions of what is told that differ most, as many as there are units for.
    _, directions = torch.linalg.eigh(weights.T @ gram @ weights)
    units = min(first.out_features // 2, len(directions))
    directions = directions.T.flip(0)[:units]  # (H / 2, C)
    directions = directions.to(x)
    towards = (weights.to(x) @ directions.T / deviation[:, None]).T  # (H / 2, D)
    told = (x - middle) @ towards.T  # (N, H / 2), of mean 0
    spread = told.std(0).clamp_min(LEAST)
    for layer in (first, last):
        layer.weight.zero_()
        layer.bias.zero_()
    for sign, rows in ((1, slice(0, units)), (-1, slice(units, 2 * units))):
        first.weight[rows] = (sign * towards / spread[:, None]).to(first.weight)
        first.bias[rows] = (-sign * towards / spread[:, None] @ middle).to(first.bias)
        last.weight[:, rows] = (sign * spread[:, None] * directions).T.to(last.weight)
    last.bias.copy_(centre)
    norm.reset_parameters()
    norm.reset_running_stats()
