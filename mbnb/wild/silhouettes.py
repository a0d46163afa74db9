"""How stout somebody is, by what of a video they cover: joints do not tell.

A few pictures are segmented, and the build is taken with which the body covers the most like the
person does, clothes included. One build for the whole video. Shapes: V vertices, S numbers of a
shape.
"""

import contextlib
import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mbnb.bodies import Body
from mbnb.bodies.fit import BUILD, build
from mbnb.video.frames import read_video
from mbnb.video.landmarks import quiet, require_mediapipe
from mbnb.wild.meshes import BodyMovement
from mbnb.wild.source import Source
from mbnb.wild.surface import silhouette

LOOKED_AT = 8  # pictures of a video
BUILDS = BUILD * np.linspace(0.8, 1.6, 9)  # kg/m³ that are tried: body mass indices of 20 to 39
SURE = 0.5  # from this belief on, a joint is one that lies on the person
ON_PERSON = 0.8  # share of these joints, or what was segmented is somebody or something else


def silhouettes(source: Source, frames: list[int]) -> dict[int, np.ndarray]:
    """(height, width) bool: what MediaPipe's own model takes for the person in some `frames`.

    A frame in which it finds nobody is left out. source: of a video.
    """
    found, wanted = {}, set(frames)
    with contextlib.ExitStack() as stack:
        with quiet():
            solution = require_mediapipe().solutions.pose.Pose
            pose = stack.enter_context(solution(static_image_mode=True, enable_segmentation=True))
            # It starts, and logs, behind its constructor's back.
            pose.process(np.zeros((256, 256, 3), np.uint8))
        stack.enter_context(warnings.catch_warnings(action="ignore"))  # of how it reads masks
        for t, (_, picture) in enumerate(read_video(source.video, source.rate)):
            if t in wanted:
                mask = pose.process(np.ascontiguousarray(picture)).segmentation_mask
                found |= {} if mask is None else {t: mask > 0.5}
            if t >= max(frames):
                break
    return found


def build_in(source: Source, one: BodyMovement) -> float | None:
    """kg/m³ of the person whom a video shows, as `fit.build` has it; None where it cannot tell."""
    masks = silhouettes(source, looked_at(one))
    masks = {t: mask for t, mask in masks.items() if is_of(mask, one.joints[t])}
    return build_covering(one, masks) if masks else None


def looked_at(one: BodyMovement) -> list[int]:
    """The frames that are segmented, as far from each other as can be."""
    rows = np.flatnonzero(one.found)
    return rows[
        np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).round().astype(int)
    ].tolist()


def build_covering(one: BodyMovement, masks: Mapping[int, np.ndarray]) -> float:
    """The build with which the body covers most like the masks (height, width) of frames."""
    score = []
    for each in BUILDS:
        shape = with_build(one.body, torch.as_tensor(one.shape), each).numpy()
        rows = sorted(masks)
        tried = BodyMovement(
            one.body, one.rotations[rows], shape, one.place[rows], one.camera, one.joints[rows]
        )
        score.append(np.mean([overlap(tried, i, masks[t]) for i, t in enumerate(rows)]))
    return float(BUILDS[np.argmax(score)])


def overlap(one: BodyMovement, t: int, mask: np.ndarray) -> float:
    """Intersection over union of the body's silhouette in frame `t` and a mask (height, width)."""
    covered = silhouette(one.in_picture(t), one.body.faces.numpy(), mask.shape[::-1])
    return float((covered & mask).sum() / (covered | mask).sum())


def with_build(body: Body, shape: Tensor, wanted: float, steps: int = 5) -> Tensor:
    """The shape (S,) nearest to one whose `fit.build` is as wanted, by Newton's steps."""
    shape = shape.clone()
    for _ in range(steps):
        shape.requires_grad_(True)
        now = build(body, shape[None])[0]
        (slope,) = torch.autograd.grad(now, shape)
        shape = shape.detach() + (wanted - now.detach()) * slope / slope.square().sum()
    return shape


def is_of(mask: np.ndarray, joints: np.ndarray) -> bool:
    """Whether the joints (17, 3) that are believed lie on what was segmented."""
    x, y = joints[joints[:, 2] > SURE, :2].astype(int).T
    height, width = mask.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return bool(inside.any()) and mask[y[inside], x[inside]].mean() >= ON_PERSON
