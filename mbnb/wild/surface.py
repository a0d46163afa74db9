"""Surfaces of bodies as people see them: over a picture, and as what of it they cover."""

import numpy as np
from PIL import Image, ImageDraw

from mbnb.show.meshes import shaded

SEEN_THROUGH = 0.25  # share of the picture that shows through a body


def draw_surface(
    image: Image.Image, points: np.ndarray, faces: np.ndarray, colour: tuple[int, int, int]
) -> None:
    """Draw a surface of `points` (V, 3) in pixels, z away, and `faces` (F, 3) into a picture."""
    if not np.isfinite(points).all():
        return
    shown, shades = shaded(points, faces)
    layer = image.copy()
    pen = ImageDraw.Draw(layer)
    colours = (shades[:, None] * np.array(colour)).astype(int)
    for corners, fill in zip(points[shown][..., :2].reshape(-1, 6).tolist(), colours.tolist()):
        pen.polygon(corners, fill=tuple(fill))
    image.paste(Image.blend(layer, image, SEEN_THROUGH))


def silhouette(points: np.ndarray, faces: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool: what a surface covers of a picture of `size`, width and height."""
    mask = Image.new("1", size)
    pen = ImageDraw.Draw(mask)
    for corners in points[faces][..., :2].reshape(-1, 6).tolist():
        pen.polygon(corners, fill=1)
    return np.asarray(mask)
