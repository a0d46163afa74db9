"""Every figure of the workbook: functions from data to matplotlib figures, fit for a paper.

`style` has sizes and colours, `layout` what figures share, `captions` what they are called and how
they are saved; the other files hold figures by what they show.
"""

from mbnb.show.figures.captions import CAPTIONS, Captions, save_figure
from mbnb.show.figures.clips import (
    clip_sheet,
    examples,
    film_sheet,
    overlay_sheet,
    pair_sheet,
    sheet,
)
from mbnb.show.figures.data import (
    class_counts,
    motion_by_class,
    motion_by_joint,
    people_and_lengths,
)
from mbnb.show.figures.errors import (
    class_profile,
    confidence,
    confusion_matrix,
    error_split,
    f1_bars,
    motion_of_outcomes,
    overview,
    region_matrix,
)
from mbnb.show.figures.explanations import attribution_matrix, deletion
from mbnb.show.figures.poses import pose_errors
from mbnb.show.figures.quality import quality, worst_clips
from mbnb.show.figures.runs import ablation, changes, right_by_region
from mbnb.show.figures.style import (
    COLUMN,
    FONT,
    GAINED,
    LEAST,
    LINES,
    LOST,
    OUTCOMES,
    PAGE,
    SAVED_DPI,
    SHADES,
    TABLE,
    WIDE,
)
from mbnb.show.figures.training import LiveCurves, curves

__all__ = [
    "CAPTIONS",
    "COLUMN",
    "Captions",
    "FONT",
    "GAINED",
    "LEAST",
    "LINES",
    "LOST",
    "LiveCurves",
    "OUTCOMES",
    "PAGE",
    "SAVED_DPI",
    "SHADES",
    "TABLE",
    "WIDE",
    "ablation",
    "attribution_matrix",
    "changes",
    "class_counts",
    "class_profile",
    "clip_sheet",
    "confidence",
    "confusion_matrix",
    "curves",
    "deletion",
    "error_split",
    "examples",
    "f1_bars",
    "film_sheet",
    "motion_by_class",
    "motion_by_joint",
    "motion_of_outcomes",
    "overlay_sheet",
    "overview",
    "pair_sheet",
    "people_and_lengths",
    "pose_errors",
    "quality",
    "region_matrix",
    "right_by_region",
    "save_figure",
    "sheet",
    "worst_clips",
]
