"""A nod that was recorded for MA-52: read, smoothed, and drawn over its frames."""

import numpy as np
import pytest
import torch
from scipy.signal import find_peaks

from mbnb.prepare.geometry import smooth
from mbnb.show.figures import overlay_sheet
from mbnb.video.landmarks import extract, load_landmarks


def test_a_recorded_nod_is_read_and_drawn(shared, extractor, tmp_path):
    path = shared / "ma52" / "clips" / "0019_02_0078.mp4"
    if not path.is_file():
        pytest.skip("no recordings of MA-52 beside the checkout")
    raw = tmp_path / "nod.npz"
    extract(path, raw)
    world, image, visibility = load_landmarks(raw)
    assert len(world) == len(image) == len(visibility) == 50 and np.isfinite(world).all()
    face_up = world[:, [2, 5]].mean(1) - world[:, [9, 10]].mean(1)
    pitch = np.degrees(np.arctan2(face_up[:, 2], -face_up[:, 1]))  # (T,)
    nod = smooth(torch.tensor(pitch)[:, None, None], torch.tensor([50]))[:, 0, 0].numpy()
    assert 2 < np.ptp(nod) < 15 and np.ptp(nod) > 5 * (pitch - nod).std()
    assert sum(len(find_peaks(sign * nod, prominence=0.5)[0]) for sign in (1, -1)) >= 2

    figure = overlay_sheet([("nod", path, raw)], frames=3)
    titles = [ax.get_title("left") for ax in figure.axes]
    assert titles == ["nod\n0.00 s", "0.80 s", "1.63 s"]
    assert {(*ax.get_xlim(), *ax.get_ylim()) for ax in figure.axes} == {(0, 1080, 1296, 0)}
    for t, ax in zip((0, 24, 49), figure.axes, strict=True):
        drawn = np.concatenate([line.get_xydata() for line in ax.lines])
        wrists = image[t, [15, 16]]
        assert np.linalg.norm(drawn[:, None] - wrists, axis=-1).min(0).max() < 60  # of 1296 pixels
