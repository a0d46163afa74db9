"""Frames of a video as people see them: faces shown, blurred, or no picture at all."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mbnb.video.frames import read_video
from mbnb.video.landmarks import nearest_found

# What a page with pictures of videos says of them, by the setting `faces`.
ABOUT_FACES = {
    "keep": "It shows people's faces, so ask them before you pass it on.",
    "blur": "Faces are blurred.",
    "leave_out": "Pictures of people are left out.",
}
HEAD = range(11)  # of MediaPipe's landmarks: nose, eyes, ears, mouth
SHOULDERS = [11, 12]
MOST_THUMBNAILS = 300


def shown_frames(
    path: Path, fps: float, landmarks: Path | None = None, faces: str = "keep", most: int = 0
) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, (H, W, 3) frame) of a video at `fps` as the setting `faces` lets them be seen.

    most: see `Video`.

    Nothing comes where pictures are left out. To blur faces, `landmarks` of the same video say
    where the head is; pictures are left out where that is not known, or of a second person.
    Raises InputError as `read_video` does.
    """
    heads, rate, width = np.zeros((0, 3)), 1.0, 1
    if faces == "blur" and landmarks and Path(landmarks).is_file():
        with np.load(landmarks) as file:
            same = file["bytes"] == Path(path).stat().st_size
            if same and not file["others"].any():
                heads, rate = _heads(file["image"]), file["fps"].item()
                width = file["size"][0]
    if faces == "keep" or len(heads):
        for seconds, picture in read_video(path, fps, most):
            if faces == "blur":
                nearest = min(round(seconds * rate), len(heads) - 1)
                near = heads[max(nearest - 1, 0) : nearest + 2] * (picture.shape[1] / width)
                picture = _blurred(picture, near)
            yield seconds, picture


def _heads(image: np.ndarray) -> np.ndarray:
    """(T, 3) middle and radius of a circle about the head, in pixels, of landmarks (T, 33, 2).

    Frames without a person have the circle of the nearest one with a person.
    """
    if np.isnan(image).any((1, 2)).all():
        return np.zeros((0, 3))
    nearest = nearest_found(image)  # (T,)
    face = image[nearest][:, HEAD]  # (T, 11, 2)
    middle = face.mean(1)
    reach = np.linalg.norm(face - middle[:, None], axis=-1).max(1)
    shoulders = np.linalg.norm(np.diff(image[nearest][:, SHOULDERS], axis=1)[:, 0], axis=-1)
    return np.column_stack([middle, np.maximum(1.8 * reach, 0.4 * shoulders)])


def _blurred(picture: np.ndarray, circles: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) with these circles (N, 3) made of a few coarse blocks."""
    whole = Image.fromarray(picture)
    mask = Image.new("L", whole.size)
    for x, y, radius in circles:
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    block = max(1, round(circles[:, 2].max() / 2))
    coarse = whole.reduce(block).resize(whole.size)
    return np.asarray(Image.composite(coarse, whole, mask))


def thumbnails(
    path: Path,
    fps: float = 10.0,
    height: int = 240,
    landmarks: Path | None = None,
    faces: str = "keep",
) -> list[str]:
    """Frames of a video, evenly spaced, as `data:` addresses of JPEG pictures for a player.

    fps: at most so many a second, and MOST_THUMBNAILS in all. height: of the pictures, in pixels.
    landmarks, faces: see `shown_frames`; a list without pictures where they are left out. Raises
    InputError as `read_video` does.
    """
    addresses, every = [], 1
    for tick, (_, frame) in enumerate(shown_frames(path, fps, landmarks, faces)):
        if tick % every:
            continue
        picture, file = Image.fromarray(frame), io.BytesIO()
        width = max(1, round(picture.width * height / picture.height))
        picture.resize((width, height)).save(file, "JPEG", quality=70)
        addresses.append(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}")
        if len(addresses) > MOST_THUMBNAILS:
            addresses, every = addresses[::2], 2 * every
    return addresses
