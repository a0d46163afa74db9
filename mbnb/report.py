"""`report.html`: one page about one run that opens anywhere, without a network."""

import base64
import json
from importlib import resources
from pathlib import Path

import jinja2
import pandas as pd
import yaml
from PIL import Image

from mbnb.config import Config
from mbnb.dataset import load
from mbnb.evaluation import load_evaluation
from mbnb.figures import SAVED_DPI, pair_player
from mbnb.files import write_text

# Figures in the order of the page, with their captions.
CAPTIONS = {
    "confusion_matrix": "Confusion matrix: rows are true classes, columns predicted ones, shares of the true class. Lines separate body regions.",
    "region_matrix": "Confusions between body regions: share of the true region's clips, and clips.",
    "error_split": "Errors within a body region and between regions, by the true class' region.",
    "class_profile": "What became of the clips of each class.",
    "f1_by_class": "F1 of each class.",
    "confidence": "How far confidence can be trusted, and errors over the share of clips that are answered, the most confident first.",
    "ablation": "What each part of the recipe is worth on people left out of train, with 95 % intervals from resampling people.",
    "motion_of_errors": "How much moves in right and in confused clips: mean speed over all joints.",
    "curves": "Training: loss, top-1 and macro-F1 on augmented training clips and on held-out people, learning rates.",
    "class_counts": "Clips of each class.",
    "people_and_lengths": "Clips of each person, and lengths of clips.",
    "motion_by_class": "What moves in which class: mean speed of each joint.",
    "motion_by_joint": "Mean speed of each joint over all clips.",
    "converted": "Skeletons found in the videos.",
}
PAIRS = 4  # confused pairs that are shown moving


def write_report(config: Config) -> Path:
    """Write the run's `report.html` from what its folder holds and return its path."""
    run = config.run_dir
    paths = {name: path for name in CAPTIONS if (path := config.figures_dir / f"{name}.png").exists()}
    pictures = {name: base64.b64encode(path.read_bytes()).decode() for name, path in paths.items()}
    widths = {name: round(Image.open(path).width * 96 / SAVED_DPI) for name, path in paths.items()}  # pixels at 96 an inch
    page = {"run": config.run, "figures": pictures, "widths": widths, "captions": CAPTIONS, "notebooks": sorted(p.stem for p in (run / "notebooks").glob("*.ipynb"))}
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
        pairs = evaluation.worst_pairs(PAIRS)
        page["pairs"] = [(row, pair_player(evaluation, row.true_id, row.predicted_id, data.skeleton, config.fps).html) for row in pairs.itertuples()]
        page["worst"] = evaluation.worst_pairs(15).drop(columns=["true_id", "predicted_id"]).to_dict("records")
        page["errors"] = evaluation.errors_by_region.reset_index().to_dict("records")
    template = resources.files("mbnb").joinpath("report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True)
    write_text(run / "report.html", environment.from_string(template).render(page))
    return run / "report.html"
