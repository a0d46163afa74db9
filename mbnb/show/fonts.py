"""Letters of every script in figures, as far as fonts on this machine have them.

matplotlib takes each letter from the first of `font.family` that has it. Here further fonts are
added to that list, once a letter comes up that none of them has.
"""

import contextlib
import functools
import itertools
import unicodedata
import warnings

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, findSystemFonts, fontManager, get_font
from matplotlib.text import Text

from mbnb.settings import say_once

GENERIC = ("serif", "sans-serif", "cursive", "fantasy", "monospace")
LEAST = ("DejaVu Sans",)  # it comes with matplotlib
# Fonts that have a box for every letter.
EMPTY = ("Last Resort", ".LastResort", "Adobe Blank")
NOT_SHOWN = ("Cc", "Cf", "Mn", "Zl", "Zp", "Zs")  # kinds of characters that need no picture

# It is said in one line below, not for each letter and each time that it is drawn.
warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")


def chosen_fonts() -> list[str]:
    """The fonts that the user's matplotlibrc or `rcParams` name, as far as they are installed."""
    now, defaults = matplotlib.rcParams, matplotlib.rcParamsDefault
    keys = ["font.family", *(f"font.{name}" for name in now["font.family"] if name in GENERIC)]
    if all(now[key] == defaults[key] for key in keys):
        return list(LEAST)
    installed = {entry.name for entry in _installed()}
    return list(dict.fromkeys([*(name for name in _families() if name in installed), *LEAST]))


def _families() -> tuple[str, ...]:
    """The names of fonts in use, the first one first."""
    now = matplotlib.rcParams
    each = [now[f"font.{name}"] if name in GENERIC else [name] for name in now["font.family"]]
    return tuple(itertools.chain.from_iterable(each))


@functools.cache
def _installed() -> list[FontEntry]:
    """Fonts of this machine, those too that came after matplotlib made its list of them."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with contextlib.suppress(Exception):  # as many kinds as there are broken files
            fontManager.addfont(path)
    return fontManager.ttflist


def cover(text: str) -> None:
    """Add fonts to `font.family` until every letter of `text` can be drawn.

    Where this machine has no font for some, a line says so, once.
    """
    wanted = {ord(letter) for letter in text if not letter.isascii()} - _known(_families())
    missing = (code for code in wanted if unicodedata.category(chr(code)) not in NOT_SHOWN)
    if further := _fonts_with(frozenset(missing)):
        matplotlib.rcParams["font.family"] = [*matplotlib.rcParams["font.family"], *further]


@functools.cache
def _known(families: tuple[str, ...]) -> frozenset[int]:
    entries = [entry for entry in fontManager.ttflist if entry.name in families]
    return frozenset().union(*map(_letters, entries))


@functools.cache
def _fonts_with(missing: frozenset[int]) -> list[str]:
    """Fonts that have as many of these letters as possible, those with the most first."""
    plain = [
        entry
        for entry in _installed()
        if entry.style == "normal" and not entry.name.startswith(EMPTY)
    ]
    # Of equal ones the upright sans of medium weight goes best with the rest.
    plain.sort(key=lambda entry: ("Sans" not in entry.name, abs(_weight(entry) - 400), entry.name))
    names, left = [], missing
    while left:
        best = max(plain, key=lambda entry: len(left & _letters(entry)), default=None)
        if best is None or not left & _letters(best):
            say_once(
                "no font on this machine has all letters of these names, so figures show boxes "
                "for some: install one that does, such as Noto Sans CJK for Chinese (pages in a "
                "browser are not concerned)"
            )
            break
        names.append(best.name)
        left -= _letters(best)
    return names


def _weight(entry: FontEntry) -> int:
    return entry.weight if isinstance(entry.weight, int) else 400


@functools.cache
def _letters(entry: FontEntry) -> frozenset[int]:
    """The letters that a font has; none of a file that cannot be read."""
    try:
        return frozenset(get_font(entry.fname).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


class Sheet(Figure):
    """A figure that takes letters from whatever font on this machine has them."""

    def draw(self, renderer) -> None:
        """Draw it as matplotlib does, once its letters are there."""
        before = matplotlib.rcParams["font.family"]
        for axes in self.axes:
            axes.get_xticklabels(), axes.get_yticklabels()  # which write their texts
        texts = self.findobj(Text)
        cover("".join(text.get_text() for text in texts))
        families = matplotlib.rcParams["font.family"]
        for text in texts:
            if families != before or text.get_fontfamily() == before:
                text.set_fontfamily(families)
        super().draw(renderer)
