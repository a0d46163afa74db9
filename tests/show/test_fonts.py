"""Letters of every script are drawn where a font has them; the user's fonts come first."""

import os
import subprocess
import sys
import warnings

import build
import matplotlib
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from mbnb.classes import ClassTable
from mbnb.evaluate import Evaluation
from mbnb.files import ROOT
from mbnb.settings import say_once
from mbnb.show import figures, fonts

LETTERS = "\ue100\ue101\ue102"  # of no script, so that no font has them but the one made here
MISSING = "\ue200\ue201"


@pytest.fixture
def font(tmp_path):
    """A font with `LETTERS` that came to this machine after matplotlib looked for fonts."""
    pen = TTGlyphPen(None)
    for move, *point in (("moveTo", 0, 0), ("lineTo", 0, 700), ("lineTo", 900, 700)):
        getattr(pen, move)(tuple(point))
    pen.closePath()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in LETTERS)]
    built = FontBuilder(1000)
    built.setupGlyphOrder(names)
    built.setupCharacterMap({ord(letter): name for letter, name in zip(LETTERS, names[1:])})
    built.setupGlyf(dict.fromkeys(names, pen.glyph()))
    built.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    built.setupHorizontalHeader(ascent=800, descent=-200)
    built.setupNameTable(
        {"familyName": "Somebody's Sans", "styleName": "Regular", "psName": "Somebody"}
    )
    built.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    built.setupPost()
    path = tmp_path / "somebody.ttf"
    built.save(path)
    return path


@pytest.fixture(autouse=True)
def as_before():
    """Fonts that are added for a test are gone after it."""
    entries, families = list(fontManager.ttflist), matplotlib.rcParams["font.family"]

    def forget():
        for cached in (fonts._known, fonts._fonts_with, fonts._installed, say_once):
            cached.cache_clear()
        figures.layout.text_width.cache_clear()

    forget()
    yield
    fontManager.ttflist[:] = entries
    matplotlib.rcParams["font.family"] = families
    forget()


def matrix(*names):
    """A confusion matrix of classes of these names."""
    classes = ClassTable(tuple("ABCD"[: len(names)]), names, ("body",) * len(names))
    clips = build.clips("xy", list(range(len(names))) * 3, "test", classes=classes)
    answers = build.guesses(clips.labels, len(names))
    return figures.confusion_matrix(Evaluation("test", clips, classes, answers))


def drawn(figure, path):
    """The warnings of drawing a figure as a picture and as a page."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        figure.savefig(path / "a.png")
        figure.savefig(path / "a.pdf")
    return [str(one.message) for one in seen]


def test_a_font_that_has_the_letters_is_found_and_nobody_hears_of_it(font, tmp_path, capsys):
    fontManager.addfont(font)
    assert drawn(matrix(f"{LETTERS} wave", "дрожать", "تحريك"), tmp_path) == []
    assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Somebody's Sans"]
    assert b"Somebody" in (tmp_path / "a.pdf").read_bytes()
    assert capsys.readouterr().err == ""


def test_fonts_that_came_later_are_found(font, tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: [str(font), str(tmp_path / "broken")])
    assert drawn(matrix(LETTERS), tmp_path) == []


def test_where_no_font_has_them_one_line_says_so_once(tmp_path, capfd):
    script = (
        "import show.test_fonts as t, pathlib, sys\n"
        "for name in t.MISSING, t.MISSING[:1], 'a ' + t.MISSING:\n"
        "    t.matrix(name, name + ' b').savefig(pathlib.Path(sys.argv[1]) / 'a.png')\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    subprocess.run(
        [sys.executable, "-c", script, tmp_path], env=os.environ | {"PYTHONPATH": path}, check=True
    )
    (line,) = capfd.readouterr().err.splitlines()
    assert "no font on this machine" in line and "install one" in line


def test_letters_change_nothing_else(tmp_path):
    figure = matrix("wave", "nod – “quoted” 👍🏽")
    before = matplotlib.rcParams["font.family"]
    drawn(figure, tmp_path)
    assert matplotlib.rcParams["font.family"][: len(before)] == before


def test_a_users_font_is_taken_and_the_rest_of_a_matplotlibrc_is_not(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "font.family: serif\nfont.serif: Not Installed, DejaVu Serif\ntext.usetex: True\n"
        "figure.dpi: 30\nfigure.facecolor: black\nsavefig.facecolor: black\n"
        "text.color: white\nboxplot.boxprops.color: white\nbackend: TkAgg\n"
    )
    script = (
        "import matplotlib\nfrom mbnb.show import figures\nrc = matplotlib.rcParams\n"
        "print(rc['font.family'], rc['text.usetex'], rc['figure.facecolor'], rc['figure.dpi'],"
        " rc['savefig.facecolor'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['DejaVu Serif', 'DejaVu Sans'] False white 130.0 auto\n", done.stderr
