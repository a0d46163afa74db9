"""Sizes, colours and type of all figures.

Figures have the widths of journals' columns. What belongs to different kinds differs in lightness,
dash or place as well, so that it can be told apart in grey and by colour-blind people.
"""

import matplotlib
import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats

from mbnb.show.fonts import chosen_fonts

COLUMN, WIDE, PAGE = 3.5, 5.5, 7.2  # inches: a column of a journal, one and a half, and a page
SAVED_DPI = 300

# Sizes of type in points.
FONT = 8  # text
SMALL = 7  # ticks and legends
LEAST = 6  # notes
TABLE = 5  # ticks of tables with many rows
PITCH = 1.25  # of the type's size: what a row of text takes

# Of any group the lightness differs by a sixth of the scale at least. Hues are after Okabe and Ito
# (2008), safe for colour-blind people.
OUTCOMES = {
    "right": "#B7E0D2",
    "wrong within region": "#E08E1B",
    "wrong other region": "#8C2D04",
}  # the same in every figure
LINES = [
    dict(color="#0072B2", linestyle="-", marker="o"),
    dict(color="#E69F00", linestyle="--", marker="s"),
    dict(color="#222222", linestyle=":", marker="^"),
]
SHADES = "#0072B2", "#8CCBF0"  # blocks side by side, in turn; their names stand over them
GAINED, LOST = "#8CCBF0", "#8C2D04"
EDGE = "#555555"  # lines between blocks
SEQUENTIAL = "mako_r"

_TICKS = {
    "major.size": 2.5,
    "major.width": 0.6,
    "major.pad": 2.0,
    "minor.size": 1.5,
}
FONTS = chosen_fonts()
# Nothing else of a user's matplotlibrc, such as a dark style or TeX, goes with these figures.
matplotlib.rcdefaults()
sns.set_theme(
    context="paper",
    style="ticks",
    palette=[line["color"] for line in LINES],
    rc={
        "font.family": FONTS,
        "font.size": FONT,
        "axes.labelsize": FONT,
        "axes.titlesize": FONT,
        "figure.titlesize": FONT,
        "figure.labelsize": SMALL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "legend.title_fontsize": SMALL,
        "legend.frameon": False,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.2,
        "lines.markersize": 3,
        "hatch.linewidth": 0.4,
        "axes.titlepad": 4.0,
        "axes.labelpad": 3.0,
        **{f"{axis}tick.{key}": value for axis in "xy" for key, value in _TICKS.items()},
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 130,
        "savefig.dpi": SAVED_DPI,
        "pdf.fonttype": 42,
        "text.parse_math": False,  # a class may be named $x$
    },
)
if shell := get_ipython():  # figures are none of pyplot's, which would show them by itself
    select_figure_formats(shell, {"png"})
