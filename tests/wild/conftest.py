"""The golden case of a video in the wild, and files of joints that tests write."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from build import H36M

from mbnb.config import Config
from mbnb.formats.layouts import LAYOUTS
from mbnb.wild.tool import load_lifter


@pytest.fixture(scope="session")
def golden(shared):
    """Detections of two people and what the original makes of one of them."""
    return torch.load(shared / "golden" / "motionbert" / "wild.pt", weights_only=True)


@pytest.fixture(scope="session")
def alphapose(shared):
    return shared / "golden" / "motionbert" / "alphapose.json"


@pytest.fixture(scope="session")
def encoder(golden, tmp_path_factory):
    """Weights as the original's trainings on GPUs write them."""
    path = tmp_path_factory.mktemp("encoder") / "best_epoch.bin"
    weights = {f"module.{name}": value for name, value in golden["state_dict"].items()}
    torch.save({"epoch": 60, "lr": 1e-4, "model_pos": weights, "min_loss": 37.2}, path)
    return path


@pytest.fixture(scope="session")
def original(encoder, golden):
    """The network by the recipe parity, and what it sees."""
    heads = golden["config"]["num_heads"]
    return load_lifter(encoder, Config.of({"recipe": "parity", "num_heads": heads}))


@pytest.fixture
def echo():
    """A network that gives back what it sees of mbnb's own recipe, and keeps it in `seen`."""

    class Echo(torch.nn.Module):
        seen: list = []

        def forward(self, x):
            self.seen.append(x)
            x = x.unflatten(-1, (4, 3)).transpose(2, 3)  # (B, F / P, J, P·3) -> (B, F / P, P, J, 3)
            return x.flatten(1, 2)

    echo = Echo()
    echo.seen = []
    return echo, Config.of({"streams": ["joint"], "device": "cpu"})


@pytest.fixture
def walker():
    """(T, 17, 3) joints in pixels of somebody who moves the arms, for so many frames."""

    def make(frames: int, seed: int = 0, way: float = 0.0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        body = rng.normal(0, 40, (17, 2)) + (500, 400)
        time = np.arange(frames)[:, None, None]
        places = body + 15 * np.sin(time / 9 + rng.uniform(0, 6, (17, 1)))
        places[..., 0] += way * time[..., 0]
        return np.concatenate([places, np.full((frames, 17, 1), 0.9)], axis=-1)

    return make


def write_tracked(path, people, size=(1280, 720)):
    """People (T, 17, 3) by number as tracked annotations of our joints; NaN: not in the picture."""
    frames = len(next(iter(people.values())))
    width, height = size
    images = [
        {"id": t, "file_name": f"walk/{t:06}.jpg", "width": width, "height": height}
        for t in range(frames)
    ]
    rows = [
        {
            "image_id": t,
            "track_id": number,
            "category_id": 1,
            "keypoints": joints[t].ravel().tolist(),
        }
        for number, joints in people.items()
        for t in range(frames)
        if np.isfinite(joints[t]).all()
    ]
    names = list(LAYOUTS["h36m17"])
    assert len(names) == len(H36M)
    tables = {
        "images": images,
        "annotations": rows,
        "categories": [{"id": 1, "keypoints": names}],
    }
    path.write_text(json.dumps(tables))
    return path


def of(config: Config, **changes) -> Config:
    return dataclasses.replace(config, **changes)
