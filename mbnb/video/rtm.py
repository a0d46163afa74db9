"""RTMW and DWPose as other extractors of whole bodies: 133 points in the picture, by `rtmlib`.

Its weights are files that the user has: nothing is downloaded here. There is no depth in what they
find; it is for models that see clips as pictures do (the setting `without_depth`).
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from mbnb.files import InputError, replacing
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.points import mean_of_points
from mbnb.video.folder import spelled, videos_in
from mbnb.video.frames import FPS, read_video

LAYOUT = "wholebody133"
SIZE = (640, 640)  # of the picture that a detector of people sees, where its file does not say


def whole_in_picture(points: np.ndarray) -> np.ndarray:
    """(..., 133, 3) of COCO-WholeBody, x, y and a confidence -> (..., 44, 3) of `wholebody44`."""
    names = LAYOUTS[LAYOUT]
    return mean_of_points(points, sources_of(names, "wholebody44"), len(names))


def find_points(
    path: Path, model: Path, detector: Path | None = None, fps: float = FPS
) -> np.ndarray:
    """(T, 133, 3) x, y (pixels) and confidence of the largest person in each frame of a video.

    model: an ONNX file of RTMW or DWPose. detector: one of YOLOX that finds people; without it the
    person is looked for in the whole picture. NaN where it finds nobody. Raises InputError where
    `rtmlib` or a file is missing, or a file is no such model.
    """
    pose, people = (_session("RTMPose", model), detector and _session("YOLOX", detector))
    video, rows = read_video(path, fps), []
    for _, frame in tqdm(video, "searching", round(fps * video.declared) or None, delay=2):
        picture = np.ascontiguousarray(frame[..., ::-1])  # rtmlib looks at BGR
        height, width = frame.shape[:2]
        boxes = np.reshape(people(picture), (-1, 4)) if people else [(0, 0, width, height)]
        if not len(boxes):
            rows.append(np.full((len(LAYOUTS[LAYOUT]), 3), np.nan))
            continue
        largest = max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
        places, scores = pose(picture, bboxes=[largest])
        rows.append(np.concatenate([places[0], scores[0][:, None]], -1))
    return np.stack(rows).astype(np.float32)


def write_points(
    videos: Path, out: Path, model: Path, detector: Path | None = None, fps: float = FPS
) -> list[str]:
    """Write what is found in each video of a folder to `out`/test/<clip>/pose_2d.npy.

    Each is (T, 44, 3) of `wholebody44`, pixels and confidence. One that is there already is left
    alone. Returns the clips' names. Raises InputError as `find_points`, and where the folder holds
    no video.
    """
    paths = {spelled(path): path for path in videos_in(videos)[0].values()}
    if not paths:
        raise InputError(f"{videos}: expected videos, found none")
    for name, path in paths.items():
        file = out / "test" / name / "pose_2d.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as part, open(part, "wb") as whole:
                np.save(whole, whole_in_picture(find_points(path, model, detector, fps)))
    return list(paths)


def _session(kind: str, path: Path) -> Any:
    """A model of rtmlib's, which runs on the processor and sees what its file says."""
    try:
        rtmlib, onnxruntime = (importlib.import_module(m) for m in ("rtmlib", "onnxruntime"))
    except ImportError as error:
        raise InputError(
            f"{path} needs rtmlib, which cannot be imported ({error}): pip install -e .[rtm]"
        ) from error
    if not Path(path).is_file():  # or rtmlib would look for it on the network
        raise InputError(f"{path}: no such file")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has kinds of its own
        raise InputError(f"{path}: expected a model in ONNX ({error})") from error
    height, width = session.get_inputs()[0].shape[2:]
    sees = (width, height) if isinstance(width, int) and isinstance(height, int) else SIZE
    ends = [output.shape[1] for output in session.get_outputs()]
    if kind == "RTMPose" and (len(ends) != 2 or set(ends) != {len(LAYOUTS[LAYOUT])}):
        raise InputError(
            f"{path}: expected a model that finds the {len(LAYOUTS[LAYOUT])} points of "
            f"COCO-WholeBody, as RTMW and DWPose do, found outputs of {ends}"
        )
    return getattr(rtmlib, kind)(str(path), model_input_size=sees, backend="onnxruntime")
