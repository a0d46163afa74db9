"""Videos and landmarks that several tests of the room look at."""

from pathlib import Path

import numpy as np
import pytest
from video.films import cover, frameless, grain, sound, write

from mbnb.files import InputError
from mbnb.video.frames import read_video
from mbnb.video.landmarks import extract_pose, require_mediapipe
from mbnb.video.portrait import sample_video


@pytest.fixture(scope="session")
def portrait(tmp_path_factory) -> Path:
    """Two seconds of a portrait whose head tilts to and fro."""
    path = tmp_path_factory.mktemp("portrait") / "tilt.mp4"
    sample_video(path, 2)
    return path


@pytest.fixture(scope="session")
def pictures(portrait) -> list[np.ndarray]:
    return [picture for _, picture in read_video(portrait)]


@pytest.fixture(scope="session")
def extractor() -> None:
    """Tests that find poses skip, with the reason, where this Python has no model for them."""
    try:
        require_mediapipe()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def landmarks(extractor, pictures):
    return extract_pose(pictures)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory) -> dict[str, Path]:
    """Files that are no videos, each in another way."""
    folder = tmp_path_factory.mktemp("faulty")
    indexed_first = write(folder / "whole.mp4", grain(40), movflags="faststart").read_bytes()
    indexed_last = write(folder / "last.mp4", grain(40)).read_bytes()
    matroska = write(folder / "whole.mkv", grain(40)).read_bytes()
    for name, content in {
        "cut.mp4": indexed_first[: len(indexed_first) // 2],
        "no_index.mp4": indexed_last[: len(indexed_last) // 2],
        "cut.mkv": matroska[: len(matroska) // 2],
        "text.mp4": b"hello\n" * 99,
        "empty.mp4": b"",
    }.items():
        (folder / name).write_bytes(content)
    frameless(folder / "frameless.avi")
    frameless(folder / "frameless.mkv")
    sound(folder / "sound.mp4")
    cover(folder / "cover.mp4")
    return {path.name: path for path in folder.iterdir()} | {"nowhere.mp4": folder / "nowhere.mp4"}
