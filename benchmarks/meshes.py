"""How well bodies lie on people in videos, and how fast they are found.

    python -m benchmarks.meshes VIDEO…

The silhouette of the body is compared with MediaPipe's segmentation of the person (intersection
over union), as far as both lie in the picture. Speed is from 2D joints to vertices, at the size
`ma52` with fresh weights for meshes, and by the default way, a lift and a fit.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from mbnb.bodies import load_body
from mbnb.config import LIFTER, Config
from mbnb.model.mesh_files import build_mesh_net
from mbnb.model.shipped import find_weights
from mbnb.wild.mesh_tool import mesh_into
from mbnb.wild.meshes import finder_of, recover_people
from mbnb.wild.silhouettes import looked_at, overlap, silhouettes
from mbnb.wild.tool import load_lifter

EVERY = 5  # frames, of which one is segmented


def overlaps(video: Path, folder: Path) -> list[float]:
    """IoU of some frames of a video, of which none told how stout the body is; for `folder`, see
    `mesh_into`."""
    source, people = mesh_into(video, folder, find_weights(LIFTER), Config.of({}))
    (one,) = people.values()
    others = set(np.flatnonzero(one.found)[::EVERY].tolist()) - set(looked_at(one))
    return [overlap(one, t, mask) for t, mask in silhouettes(source, sorted(others)).items()]


def speeds(source, seconds: float = 3.0) -> dict[str, float]:
    """Frames a second, by what tells bodies."""
    body, small = load_body(), Config.of({"preset": "ma52", "fps": source.rate})
    networks = {
        "network of the size ma52": (build_mesh_net(small, len(body)).eval(), small),
        "lifter and fit": load_lifter(find_weights(LIFTER), Config.of({"fps": source.rate})),
    }
    frames, found = sum(len(one) for one in source.people.values()), {}
    for name, (network, seen) in networks.items():
        find, rounds, began = finder_of(network, body, seen), 0, time.perf_counter()
        while not rounds or time.perf_counter() - began < seconds:
            for one in recover_people(source, find, body).values():
                _ = one.vertices
            rounds += 1
        found[name] = rounds * frames / (time.perf_counter() - began)
    return found


def main() -> None:
    """Print a line a video, and the speeds on joints of the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    videos = parser.parse_args().videos
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for video in videos:
            found = overlaps(video, Path(folder) / video.stem)
            print(f"{video.name}: IoU {np.mean(found):.3f}, least {min(found):.3f}")
        source, _ = mesh_into(
            videos[0], Path(folder) / videos[0].stem, find_weights(LIFTER), Config.of({})
        )
    for name, speed in speeds(source).items():
        print(f"{name}: {speed:.0f} frames a second on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
