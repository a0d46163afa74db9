"""Bodies in a browser: what is drawn is what skinning in Python gives, and it can be played."""

import base64
import io
from functools import partial

import numpy as np
import pytest
import torch
from conftest import until
from PIL import Image

from mbnb.bodies import load_body
from mbnb.bodies.rotations import axis_angle_to_matrix
from mbnb.show.meshes import ANGLE, Moving, mesh_player
from mbnb.show.page import page_script
from mbnb.wild.surface import silhouette

FRAMES = 6


@pytest.fixture(scope="module")
def people():
    """Two people who bend, of whom the second is not there in the last frame."""
    body = load_body()
    torch.manual_seed(0)
    turns = axis_angle_to_matrix(0.35 * torch.randn(2, FRAMES, len(body), 3)).numpy()
    turns[:, :, 0] = np.diag([1, -1, -1])
    place = np.zeros((2, FRAMES, 3), np.float32)
    place[1, :, 0], place[1, -1] = 1.3, np.nan
    shape = np.array([0.5, -1, 0, 0, 1, 0, 0, 0, 0, 0], np.float32)
    names = ("Ada & <b>", "Bo")
    return [Moving(names[i], body, turns[i], shape, place[i], 0.9) for i in range(2)]


def expected_mask(people, data, size, frame):
    """What the bodies cover of a canvas, by their own skinning and the page's angle."""
    width, height = size
    yaw, pitch = np.radians(ANGLE)
    fit = min(width / data["wide"], height / data["tall"])
    mask = np.zeros((height, width), bool)
    for one in people:
        if np.isnan(one.place[frame]).any():
            continue
        turned = torch.as_tensor(one.rotations[frame])[None]
        posed = one.body.pose(turned, torch.as_tensor(one.shape)[None])
        points = one.size * (posed.vertices - posed.joints[:, :1])[0].numpy() + one.place[frame]
        x, y, z = (points - data["centre"]).T
        deep = x * np.sin(yaw) + z * np.cos(yaw)
        across = width / 2 + fit * (x * np.cos(yaw) - z * np.sin(yaw))
        down = height / 2 + fit * (y * np.cos(pitch) - np.sin(pitch) * deep)
        flat = np.column_stack([across, down, deep])
        mask |= silhouette(flat, one.body.faces.numpy(), size)
    return mask


def drawn_mask(page):
    """(height, width) bool of the page's canvas, and its size in CSS pixels."""
    find = "const c = root.querySelector('canvas');"
    size = page.run(f"{find} return [c.clientWidth, c.clientHeight]")
    url = page.run(f"{find} return c.toDataURL()")
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).resize(tuple(size))
    return np.asarray(image)[..., 3] > 127, tuple(size)


def test_a_page_draws_what_skinning_gives_in_every_frame(opened, people):
    shown = mesh_player(people, fps=10)
    page = opened(shown.fragment() + page_script(shown.scripts, shown.mount))
    seek = (
        "const s = root.querySelector('.frame');"
        "s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    )

    def at(frame):
        return page.one(".time").text.startswith(f"frame {frame} ")

    for frame in (0, FRAMES - 1):
        page.run(seek, frame)
        until(partial(at, frame))
        found, size = drawn_mask(page)
        expected = expected_mask(people, shown.data, size, frame)
        assert (found & expected).sum() / (found | expected).sum() > 0.97
        assert not (found[0].any() or found[-1].any())  # nobody is cut off
    assert "Ada & <b>" in page.run("return root.textContent")
    page.click(".play")
    until(lambda: not at(FRAMES - 1))
    assert shown.still_html().count("<img") == 1
