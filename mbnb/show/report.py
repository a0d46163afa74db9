"""`report.html`: one page about one run that opens anywhere, without a network."""

import base64
import json
from pathlib import Path

import jinja2
import pandas as pd
import yaml
from PIL import Image

from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.evaluate.evaluation import load_evaluation
from mbnb.files import write_text
from mbnb.show.explorer import Explorer, explore
from mbnb.show.figures import CAPTIONS, SAVED_DPI
from mbnb.show.views import page_script, script

ENLARGED = 1.35  # figures have the sizes of print, a screen is read from farther away


def write_report(config: Config) -> Path:
    """Write the run's `report.html` from what its folder holds and return its path."""
    run = config.folder.path
    paths = {
        name: path for name in CAPTIONS if (path := config.folder.figures / f"{name}.png").exists()
    }
    paths |= {
        path.stem: path
        for path in sorted(config.folder.figures.glob("*.png"))
        if path.with_suffix(".txt").exists()
    }  # figures of one's own, at the end
    captions = {name: _caption(path) or CAPTIONS.get(name, name) for name, path in paths.items()}
    pictures = {name: base64.b64encode(path.read_bytes()).decode() for name, path in paths.items()}
    widths = {
        name: round(Image.open(path).width * 96 / SAVED_DPI * ENLARGED)
        for name, path in paths.items()
    }  # pixels at 96 an inch
    page = {
        "run": config.run,
        "figures": pictures,
        "widths": widths,
        "captions": captions,
        "notebooks": sorted(p.stem for p in (run / "notebooks").glob("*.ipynb")),
    }
    for name in ("metrics", "environment"):
        path = run / f"{name}.json"
        page[name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if (run / "config.yaml").exists():
        page["settings"] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    if (run / "history.csv").exists():
        page["epochs"] = len(pd.read_csv(run / "history.csv"))
    if page["metrics"]:
        data = load(config)
        evaluation = load_evaluation(config, data)
        view = explore(config, data, evaluation, mapped=False)
        page |= {
            "explorer": view.fragment(),
            "script": page_script(Explorer.scripts, Explorer.mount),
            "mapped": (run / "explorer.html").exists(),
            "class_pages": (run / "classes" / "index.html").exists(),
        }
        view.close()
        page["worst"] = (
            evaluation.worst_pairs(15).drop(columns=["true_id", "predicted_id"]).to_dict("records")
        )
        page["errors"] = evaluation.errors_by_region.reset_index().to_dict("records")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    write_text(run / "report.html", environment.from_string(script("report.html")).render(page))
    return run / "report.html"


def _caption(path: Path) -> str:
    """What was saved as the caption of a figure; nothing for figures of older versions."""
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8").strip() if text.exists() else ""
