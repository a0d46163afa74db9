"""`report.html`: one page about one run that opens anywhere, without a network."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from mbnb.config import Config, read_yaml
from mbnb.data.dataset import load
from mbnb.evaluate.score import load_evaluation
from mbnb.files import write_text
from mbnb.runs import metrics_of
from mbnb.scores.audit import leaks_of
from mbnb.show.explorer import Explorer, explore
from mbnb.show.figures import CAPTIONS, SAVED_DPI
from mbnb.show.figures.captions import OTHER_TRAININGS
from mbnb.show.page import page_script, rendered
from mbnb.text import counted, too_few
from mbnb.video.pictures import ABOUT_FACES

LARGE = 10**6  # bytes of a figure that only photographs in it take
ENLARGED = 1.35  # figures have the sizes of print, a screen is read from farther away


def write_report(config: Config) -> Path:
    """Write the run's `report.html` from what its folder holds and return its path."""
    folder = config.folder
    page: dict[str, Any] = {
        "run": config.run,
        "notebooks": sorted(path.stem for path in folder.notebooks.glob("*.ipynb")),
        "other_trainings": OTHER_TRAININGS,
        **_figures(folder.figures),
    }
    # First, since an evaluation that is out of date is made anew, and its metrics with it.
    if folder.metrics.exists():
        page |= _errors(config)
    page["metrics"] = metrics_of(folder) if folder.metrics.exists() else None
    page["environment"] = None
    if folder.environment.exists():
        page["environment"] = json.loads(folder.environment.read_text(encoding="utf-8"))
    if metrics := page["metrics"]:
        page["counted"] = counted(metrics["n_test"], metrics["people"])
        page["too_few"] = too_few(metrics["n_test"], metrics["people"])
    if folder.config.exists():
        page["settings"] = read_yaml(folder.config)
    if folder.history.exists():
        page["epochs"] = len(pd.read_csv(folder.history))
    write_text(folder.report, rendered("report.html", **page))
    return folder.report


def _figures(folder: Path) -> dict[str, dict[str, Any]]:
    """The saved figures by name: pictures, widths in a browser's pixels, and captions.

    Figures that mbnb does not know stand at the end, where they have a caption.
    """
    known = {name: folder / f"{name}.png" for name in CAPTIONS}
    paths = {name: path for name, path in known.items() if path.exists()}
    for path in sorted(folder.glob("*.png")):
        if path.with_suffix(".txt").exists():
            paths[path.stem] = path
    per_pixel = 96 / SAVED_DPI * ENLARGED  # a browser has 96 pixels an inch
    captions = {n: _saved_caption(path) or CAPTIONS.get(n, n) for n, path in paths.items()}
    of_videos = [one for one in captions.values() if any(a in one for a in ABOUT_FACES.values())]
    return {
        "of_videos": of_videos[0] if of_videos else "",
        "figures": {name: _embedded(path) for name, path in paths.items()},
        "widths": {name: round(Image.open(path).width * per_pixel) for name, path in paths.items()},
        "captions": captions,
    }


def _embedded(path: Path) -> str:
    """A figure as the address of a picture in the page, as JPEG where PNG would be large."""
    kind, content = "png", path.read_bytes()
    if len(content) > LARGE:
        kind, file = "jpeg", io.BytesIO()
        Image.open(path).convert("RGB").save(file, "JPEG", quality=85)
        content = file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _saved_caption(path: Path) -> str:
    """What was saved as the caption of a figure; nothing for figures of older versions."""
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8").strip() if text.exists() else ""


def _errors(config: Config) -> dict[str, Any]:
    """The explorer of the run's evaluation, leaks, the worst confusions, and errors by region."""
    data = load(config)
    evaluation = load_evaluation(config, data)
    explorer = explore(config, data, evaluation, mapped=False)
    view = explorer.fragment()
    explorer.close()
    return {
        "explorer": view,
        "leaks": leaks_of(data, evaluation.split),
        "script": page_script(Explorer.scripts, Explorer.mount),
        "mapped": config.folder.explorer.exists(),
        "class_pages": (config.folder.class_pages / "index.html").exists(),
        "worst": evaluation.worst_pairs(15).to_dict("records"),
        "errors": evaluation.errors_by_region.reset_index().to_dict("records"),
    }
