"""How a setting is declared, once, and what follows from that: types, checks, tables for people.

A setting is a field of a dataclass, which is its group; the group's title is the class's docstring.
`mbnb.config` declares the groups and joins them into the one flat `Config`.
"""

import dataclasses
import difflib
import functools
import html
import inspect
import math
import reprlib
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.display import HTML

AFFECTED = ("weights", "answers", "nothing")
EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list[str]: "a list of words",
    list[float]: "a list of numbers",
}
# How values are shown in messages; a file may hold endless ones.
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 200
SHORT.maxlong = 60
SHORT.maxlist = SHORT.maxdict = 20
YES, NO = ("true", "yes", "on"), ("false", "no", "off")


def setting(default: Any, help: str, *, affects: str = "weights", **more: Any) -> Any:
    """A field of a group of settings: its default, and its help in one plain sentence.

    `affects` is "weights" where a training with another value is another training, "answers" where
    the same weights answer otherwise, or "nothing". `more` are the last fields of `Setting`.
    """
    metadata = dict(help=help, affects=affects, **more)
    if isinstance(default, list):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Setting:
    """One setting as it is declared."""

    name: str
    kind: Any  # bool, int, float, str, list[str] or list[float]
    default: Any
    group: str
    help: str
    affects: str
    least: float | None = None  # the smallest value, of lists the smallest number of items
    below: float | None = None  # values stay below this
    choices: tuple[str, ...] = ()  # the values that there are, of lists the items
    may_change: bool = False  # weights depend on it, but a training may go on with another value
    recipe: str = ""  # it belongs to this recipe alone
    path: bool = False  # it names a file or a folder,
    words: tuple[str, ...] = ()  # unless it is one of these

    def __post_init__(self):
        if self.affects not in AFFECTED:
            raise ValueError(f"{self.name}: affects {self.affects!r}, not one of {AFFECTED}")

    def convert(self, value: Any) -> Any:
        """`value`, from Python, YAML or a command line, as this setting's type.

        Raises ValueError or TypeError where it is not clear what a person means by it.
        """
        if value is False and "off" in self.choices:
            return "off"  # which is how YAML reads the word
        if self.kind in (bool, int, float, str):
            return _as_kind(value, self.kind)
        item = self.kind.__args__[0]
        return [_as_kind(part, item) for part in _items(value)]

    def typed(self, text: str) -> Any:
        """The text of a command line as this setting's type, or as it is where that is impossible.

        `null` and `None` are None, which leaves a setting alone.
        """
        text = _unquoted(text)
        if text in ("null", "None", "~"):
            return None
        try:
            return self.convert(text)
        except (TypeError, ValueError, OverflowError):
            return text  # named with all other faults later

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value of the right type; None where nothing is."""
        found = short(value)
        if isinstance(value, list):
            foreign = [item for item in value if self.choices and item not in self.choices]
            wrong, found = foreign or len(value) < (self.least or 0), shown(foreign)
        elif self.choices:
            wrong = value not in self.choices
        else:
            low = self.least is not None and not value >= self.least
            wrong = low or (self.below is not None and not value < self.below)
        return f"setting {self.name!r}: expected {self.allowed}, found {found}" if wrong else None

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.choices:
            some = self.kind == list[str]
            return f"some of {', '.join(self.choices)}" if some else " or ".join(self.choices)
        if self.below is not None:
            return f"a share from {self.least} to below {self.below}"
        if self.least is not None:
            return f"at least {self.least}"
        return EXPECTED[self.kind]


@functools.cache
def declared(config: type) -> dict[str, Setting]:
    """Name -> setting of a configuration, a dataclass that inherits its groups."""
    groups = {
        name: group.__doc__ or ""
        for group in config.__mro__
        for name in inspect.get_annotations(group)
    }
    return {
        field.name: Setting(
            field.name, field.type, _default(field), groups[field.name], **field.metadata
        )
        for field in dataclasses.fields(config)
    }


def names(config: type, *affects: str) -> tuple[str, ...]:
    """The settings that affect what is named: "weights", "answers" or "nothing"."""
    return tuple(one.name for one in declared(config).values() if one.affects in affects)


def free_to_change(config: type) -> tuple[str, ...]:
    """The settings that may differ between a training and its continuation."""
    return tuple(
        one.name for one in declared(config).values() if one.may_change or one.affects != "weights"
    )


def read(
    config: type, given: Mapping[str, Any], replaced: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """The given settings as their types, and all that is wrong; what is wrong is left out.

    `replaced` has the settings that are gone, and what to give in their place.
    """
    known, values, faults = declared(config), {}, []
    for name, value in given.items():
        if name in replaced:
            faults.append(gone(name, replaced))
            continue
        if name not in known:
            faults.append(unknown(name, known))
            continue
        one = known[name]
        try:
            converted = one.convert(value)
        except (TypeError, ValueError, OverflowError):
            expected = one.allowed if one.choices else EXPECTED[one.kind]
            faults.append(f"setting {name!r}: expected {expected}, found {short(value)}")
            continue
        if fault := one.fault(converted):
            faults.append(fault)
        else:
            values[name] = converted
    return values, faults


def unknown(name: Any, known: Iterable[str]) -> str:
    """What is said of a name that no setting has."""
    near = nearest(str(name), known)
    hint = f"; did you mean {near!r}?" if near else f"; known: {', '.join(known)}"
    return f"unknown setting {name!r}{hint}"


def gone(name: str, replaced: Mapping[str, str]) -> str:
    """What is said to somebody who gives a setting that is gone."""
    return f"setting {name!r} is gone; {replaced[name]}"


def nearest(word: str, known: Iterable[str], alike: float = 0.5) -> str | None:
    """The known name that is most like `word`; None where none is so much `alike`."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), 1, alike)), None)


@functools.cache
def say_once(line: str) -> None:
    """Tell the user something about the settings given, however often they are read."""
    print(line, file=sys.stderr, flush=True)  # standard output may be a table of predictions


def short(value: Any) -> str:
    """A value as Python writes it, shortened where it is long."""
    try:
        return SHORT.repr(value)
    except ValueError:  # Python does not write out very long numbers
        return "a number of thousands of digits"


def _as_kind(value: Any, kind: type) -> Any:
    """`value` as bool, int, float or str; text may stand for each of them."""
    if kind is str:
        if isinstance(value, bool) or not isinstance(value, str | int | Path):
            raise TypeError
        return str(value)
    if isinstance(value, str):
        value = _unquoted(value)
        if kind is bool and value.lower() in YES + NO:
            return value.lower() in YES
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(value, bool) or not math.isfinite(float(value)):
        raise TypeError
    if kind is int and not float(value).is_integer():
        raise ValueError
    # Text such as 1e3 is a whole number, too; long ones would lose digits as decimals.
    return int(value) if kind is int and not _decimal(value) else kind(float(value))


def _decimal(value: Any) -> bool:
    return isinstance(value, str) and not value.lstrip("+-").isdecimal()


def _items(value: Any) -> list[Any]:
    """The items of a list; of text those between commas, in brackets or without."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] + text[-1:] in ("[]", "()"):
            text = text[1:-1]
        return [_unquoted(part) for part in text.split(",") if part.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _unquoted(text: str) -> str:
    """Text without spaces and one pair of quotation marks around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _default(field: dataclasses.Field) -> Any:
    made = field.default_factory is not dataclasses.MISSING
    return field.default_factory() if made else field.default


# ---------------------------------------------------------------- tables for people


def shown(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "empty"


def explained(one: Setting) -> str:
    """A setting's help with what it may be."""
    if one.choices:
        limits = f"{'Some' if one.kind == list[str] else 'One'} of: {', '.join(one.choices)}."
    elif one.below is not None:
        limits = f"From {one.least} to below {one.below}."
    else:
        limits = "" if one.least is None else f"At least {one.least}."
    return f"{one.help} {limits}".strip()


def grouped(settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    """Group -> its settings, in their order."""
    groups: dict[str, list[Setting]] = {}
    for one in settings:
        groups.setdefault(one.group, []).append(one)
    return groups


def as_text(settings: Iterable[Setting]) -> str:
    """A table for a terminal: name, default, help, by group."""
    width = min(shutil.get_terminal_size().columns, 120)
    lines = []
    for group, members in grouped(settings).items():
        lines += ["", group]
        for one in members:
            head = f"  {one.name:<22} {shown(one.default):<12} "
            lines += textwrap.wrap(
                explained(one), width, initial_indent=head, subsequent_indent=" " * 38
            )
    return "\n".join(lines[1:])


def as_markdown(settings: Iterable[Setting]) -> str:
    """A section with a table for each group."""
    lines = []
    for group, members in grouped(settings).items():
        lines += [
            "",
            f"## {group}",
            "",
            "| setting | default | what it does | what depends on it |",
        ]
        lines += ["|---|---|---|---|"]
        for one in members:
            cells = (f"`{one.name}`", shown(one.default), explained(one), depending(one))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines[1:])


def depending(one: Setting) -> str:
    """What depends on a setting, in a word or two."""
    if one.affects == "weights":
        return "weights, may change" if one.may_change else "weights"
    return one.affects


def table(config: Any) -> "HTML":
    """All settings by group, for Jupyter; values other than defaults are bold."""
    from IPython.display import HTML

    left = 'style="text-align: left"'
    rows = []
    for group, members in grouped(declared(type(config)).values()).items():
        rows.append(f'<tr><th colspan="3" {left}>{html.escape(group)}</th></tr>')
        for one in members:
            value, default = getattr(config, one.name), html.escape(shown(one.default))
            text = html.escape(shown(value))
            if value != one.default:
                text = f"<b>{text}</b> (default {default})"
            cells = (one.name, text, html.escape(explained(one)))
            rows.append(f"<tr>{''.join(f'<td {left}>{cell}</td>' for cell in cells)}</tr>")
    return HTML(f"<table>{''.join(rows)}</table>")
