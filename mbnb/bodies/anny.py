"""Anny, NAVER's body of everybody from child to old (Brégier et al., arXiv 2511.03589).

Its code is under Apache-2.0, its data (MakeHuman's) are CC0. The topologies of SMPL and SMPL-X,
which are not free, are never asked for. Shapes are principal components of bodies of all ages,
builds and sizes, each number of a standard deviation; Anny's own phenotypes are not linear.
"""

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.files import InputError

PEOPLE = 4000  # that the principal components are of
CHILDREN = 0.2  # share of them
TOPOLOGIES = {"anny": "anny", "anny_small": "notoes_collapse10pc"}
SHIPPED = "anny_small"  # the one that comes with mbnb
KEPT = 32  # components
# The joints that 17 joints tell of, in Anny's names; fingers, toes and twists go with others.
POSED = (
    *("root", "upperleg01.L", "lowerleg01.L", "foot.L", "upperleg01.R", "lowerleg01.R", "foot.R"),
    *("spine04", "spine02", "clavicle.L", "upperarm01.L", "lowerarm01.L", "wrist.L"),
    *("clavicle.R", "upperarm01.R", "lowerarm01.R", "wrist.R", "neck01", "head"),
)
# Human3.6M's joints that are joints of Anny, or between two.
LANDMARKS: dict[int, tuple[str, ...]] = {
    **{0: ("upperleg01.L", "upperleg01.R"), 7: ("spine02",), 8: ("upperarm01.L", "upperarm01.R")},
    **{1: ("upperleg01.R",), 2: ("lowerleg01.R",), 3: ("foot.R",)},
    **{4: ("upperleg01.L",), 5: ("lowerleg01.L",), 6: ("foot.L",)},
    **{11: ("upperarm01.L",), 12: ("lowerarm01.L",), 13: ("wrist.L",)},
    **{14: ("upperarm01.R",), 15: ("lowerarm01.R",), 16: ("wrist.R",)},
}


def read_anny(name: str = "anny") -> Body:
    """Anny with all its joints; this takes minutes, so that `library` keeps what comes of it.

    name: of `TOPOLOGIES`. Raises InputError where Anny is not installed.
    """
    try:
        import anny
    except ImportError as error:
        raise InputError(
            f"the body {name!r} needs Anny, which the extra mesh installs: python -m pip install "
            f"-e .[mesh] ({error})"
        ) from None
    settings = dict(skinning_method="lbs", phenotype_blendshapes="original")
    whole = anny.Anny(topology=TOPOLOGIES["anny"], **settings)
    mean, directions = components(whole)
    one = whole if name == "anny" else anny.Anny(topology=TOPOLOGIES[name], **settings)
    names, count = tuple(one.bone_labels), len(one.bone_labels)
    template, shapes = _moved(one.template_vertices, one.blendshapes, mean, directions)
    rest, joint_shapes = _moved(
        one.template_bone_heads, one.bone_heads_blendshapes, mean, directions
    )
    # The root stays where it is, whatever the shape.
    template, rest = template - rest[:1], rest - rest[:1]
    shapes, joint_shapes = shapes - joint_shapes[:, :1], joint_shapes - joint_shapes[:, :1]
    weights = torch.zeros(len(template), count, dtype=template.dtype)
    weights.scatter_add_(1, one.vertex_bone_indices.long(), one.vertex_bone_weights)
    other = {"L": "R", "R": "L"}
    mirrored = [f"{n[:-1]}{other[n[-1]]}" if n.endswith((".L", ".R")) else n for n in names]
    body = Body(
        name=f"{name} {version('anny')}",
        names=names,
        parents=tuple(one.bone_parents),
        mirror=tuple(names.index(n) for n in mirrored),
        template=template,
        shapes=shapes,
        rest=rest,
        joint_shapes=joint_shapes,
        weights=weights,
        landmarks=_landmarks(template, weights, names),
        faces=one.faces.long(),
    )
    return body.to(torch.float32)


def components(model: Any) -> tuple[Tensor, Tensor]:
    """The mean (N,) of Anny's N coefficients, and `KEPT` directions (S, N) of a deviation each."""
    people = phenotypes(len(model.phenotype_labels))
    drawn = {label: people[:, i] for i, label in enumerate(model.phenotype_labels)}
    coefficients = model.get_phenotype_blendshape_coefficients(**drawn).double()
    mean = coefficients.mean(0)
    used = (coefficients.std(0) > 0).nonzero()[:, 0]
    moved = model.blendshapes[used] - model.bone_heads_blendshapes[used][:, :1]
    gram = moved.flatten(1).double() @ moved.flatten(1).double().T
    centred = (coefficients - mean)[:, used]
    # Principal components of all vertices, found among the coefficients: K^T C K has their sizes.
    root = torch.linalg.cholesky(gram + 1e-12 * gram.trace() * torch.eye(len(gram)))
    _, sizes, axes = torch.linalg.svd(centred @ root / len(people) ** 0.5, full_matrices=False)
    towards = torch.linalg.solve_triangular(root.T, (axes * sizes[:, None])[:KEPT].T, upper=True).T
    directions = torch.zeros(len(towards), len(mean), dtype=mean.dtype)
    directions[:, used] = towards
    tall = (directions @ model.blendshapes[:, :, 2].double()).amax(1)  # signs are free
    return mean, directions * torch.where(tall > 0, 1, -1)[:, None]


def phenotypes(count: int) -> Tensor:
    """(PEOPLE, `count`) of 0 to 1, the same every time: gender, age, muscle, weight, height, …"""
    random = np.random.default_rng(0)
    drawn = random.random((PEOPLE, count))
    child = random.random(PEOPLE) < CHILDREN
    drawn[:, 1] = np.where(child, 1 / 3 + drawn[:, 1] / 3, 2 / 3 + drawn[:, 1] / 3)
    return torch.as_tensor(drawn)


def _moved(
    template: Tensor, blendshapes: Tensor, mean: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor]:
    """Points (N, 3) of the mean shape and how the directions move them, (S, N, 3); y up."""
    flat = blendshapes.double().flatten(1)
    both = torch.cat([mean[None] @ flat + template.double().flatten(), directions @ flat])
    x, y, z = both.unflatten(1, (-1, 3)).unbind(-1)
    both = torch.stack([x, z, -y], dim=-1)  # Anny has z up and y to the back
    return both[0], both[1:]


def _landmarks(template: Tensor, weights: Tensor, names: tuple[str, ...]) -> Tensor:
    """(17, V + K): joints as `LANDMARKS` says, the nose and the top of the head as vertices."""
    count = len(template)
    landmarks = torch.zeros(17, count + len(names), dtype=template.dtype)
    for landmark, joints in LANDMARKS.items():
        for joint in joints:
            landmarks[landmark, count + names.index(joint)] = 1 / len(joints)
    of_head = weights[:, names.index("head")] > 0.5
    middle = of_head & (template[:, 0].abs() < 0.02)
    for landmark, axis in ((9, 2), (10, 1)):
        vertex = torch.where(middle, template[:, axis], -torch.inf).argmax()
        landmarks[landmark, vertex] = 1
    return landmarks
