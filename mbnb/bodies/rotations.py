"""Rotations as six numbers (Zhou et al., CVPR 2019), as matrices and as axes with angles.

All of it is differentiable everywhere but at half a turn, where the axis changes its sign.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL = 1e-12  # of squared angles and sines, below which their series are exact
FLOOR = 1e-6  # of lengths that are divided by


def six_to_matrix(six: Tensor) -> Tensor:
    """(..., 6), the first two columns row by row, -> rotation matrices (..., 3, 3)."""
    first, second = six.unflatten(-1, (3, 2)).unbind(-1)
    first = F.normalize(first, dim=-1, eps=FLOOR)
    second = second - (first * second).sum(-1, keepdim=True) * first
    second = F.normalize(second, dim=-1, eps=FLOOR)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def matrix_to_six(matrix: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) -> (..., 6)."""
    return matrix[..., :2].flatten(-2)


def axis_angle_to_matrix(vector: Tensor) -> Tensor:
    """(..., 3) axes as long as their angles in radians -> (..., 3, 3)."""
    squared = vector.square().sum(-1, keepdim=True)
    tiny = squared < SMALL
    angle = torch.where(tiny, 1, squared).sqrt()
    w = torch.where(tiny, 1 - squared / 8, (angle / 2).cos())
    x, y, z = (vector * torch.where(tiny, 0.5 - squared / 48, (angle / 2).sin() / angle)).unbind(-1)
    w = w[..., 0]
    rows = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> unit quaternions (..., 4), w first and never negative.

    Of the four ways to write them that is taken which divides by the largest number.
    """
    a, b, c = matrix.diagonal(dim1=-2, dim2=-1).unbind(-1)
    m = {(i, j): matrix[..., i, j] for i in range(3) for j in range(3)}
    squares = torch.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], dim=-1)
    wx, wy, wz = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xy, xz, yz = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    rows = torch.stack(  # each is four times the quaternion times one of its numbers
        [
            torch.stack([squares[..., 0], wx, wy, wz], dim=-1),
            torch.stack([wx, squares[..., 1], xy, xz], dim=-1),
            torch.stack([wy, xy, squares[..., 2], yz], dim=-1),
            torch.stack([wz, xz, yz, squares[..., 3]], dim=-1),
        ],
        dim=-2,
    )  # (..., 4, 4)
    largest = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quaternion = F.normalize(rows.gather(-2, largest)[..., 0, :], dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 3), angles from 0 to pi; no rotation has a gradient, too."""
    quaternion = matrix_to_quaternion(matrix)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    squared = vector.square().sum(-1, keepdim=True)
    tiny = squared < SMALL
    sine = torch.where(tiny, 1, squared).sqrt()
    return vector * torch.where(tiny, 2 / w.clamp_min(0.5), 2 * torch.atan2(sine, w) / sine)


def mirror_rotations(matrix: Tensor, mirror: Tensor) -> Tensor:
    """Rotations (..., K, 3, 3) of K joints in a mirror that negates x.

    `mirror` (K,) is the joint on the other side of each.
    """
    sign = matrix.new_tensor([-1, 1, 1])
    return matrix.index_select(-3, mirror) * sign[:, None] * sign


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The rotations that are nearest to matrices (..., 3, 3), such as means of rotations."""
    u, _, vh = torch.linalg.svd(matrix)
    sign = torch.ones_like(u[..., 0])
    sign[..., -1] = torch.linalg.det(u @ vh)
    return (u * sign[..., None, :]) @ vh


def align_vectors(vectors: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Rotations (..., 3, 3) that take `vectors` (..., N, 3) nearest to `targets` (Kabsch, 1976).

    weights: (..., N, 1).
    """
    return nearest_rotation((weights * targets).transpose(-1, -2) @ vectors)


def shortest(start: Tensor, target: Tensor) -> Tensor:
    """The least rotations (B, 3, 3) that take `start` to `target`, (B, 3) of length 1."""
    axis = torch.linalg.cross(start, target)
    cosine = (start * target).sum(-1)[:, None, None]
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.eye(3).to(cross) + cross + cross @ cross / (1 + cosine).clamp_min(1e-6)
