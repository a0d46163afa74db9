"""What a notebook's cells of parameters give, however they were written and however they are run.

A variable that is called like a setting is that setting. What counts is its value when the
notebook asks, in a kernel, by `%run` or in a script made of the notebook. The text of the cells
before, as far as it is known, tells two things more: names that no setting has, and values that
are hidden since a later cell set them to None again, as where papermill finds no tag and puts its
own cell above.
"""

import ast
import linecache
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from mbnb import settings
from mbnb.files import InputError

HEADER = re.compile(r"^\s*#[#\s]*(?:@title\s+|%%\s*)?parameters\b", re.IGNORECASE | re.MULTILINE)
CALL = re.compile(r"^[^#\n]*\bnotebook_(?:config|parameters)\(", re.MULTILINE)
# Cells of a script, as nbconvert and editors write them; magics whose cell is Python.
MARK = re.compile(r"^# (?:In\[.*\]:|%%.*)$", re.MULTILINE)
PYTHON_MAGIC = re.compile(r"^%%(?=(?:capture|prun|time)\b)", re.MULTILINE)


def parameters_of(
    caller: FrameType, known: Collection[str], others: Collection[str]
) -> dict[str, Any]:
    """The settings that the variables of a notebook give, those that are None left out.

    caller: the frame that asks, a notebook's, or of a function that has variables of its own.
    known: the names of settings. others: names that have a meaning, too, in a cell of parameters.
    Raises InputError that names each line whose name means nothing or whose value is hidden.
    """
    namespace = caller.f_globals | caller.f_locals
    given = {name: namespace[name] for name in known if _is_value(namespace.get(name))}
    hidden: dict[str, _Line] = {}
    latest: dict[str, _Line] = {}
    faults = []
    first, cells = _cells_before(caller)
    for cell in map(_Cell, cells):
        lines = cell.assigned()
        helpers, gives = cell.behind(known), not lines.keys().isdisjoint(known)
        for name, line in lines.items():
            if name in known and not line.is_none:
                latest[name] = line
            elif name in known:
                hidden |= {name: latest.pop(name)} if name in latest else {}
            elif name.startswith("_") or name in helpers or not _is_value(namespace.get(name)):
                continue
            elif name in others and (cell.is_headed or gives):
                given[name] = namespace[name]
            elif cell.is_headed or (first and (gives or settings.nearest(name, known, 0.8))):
                own = "a variable of your own begins with _"
                faults.append(f"{line}: {settings.unknown(name, known)}; {own}")
    for name, line in hidden.items():
        if name in given or name in latest:
            continue
        try:
            given[name] = ast.literal_eval(line.value)
        except (TypeError, ValueError):
            faults.append(f"{line}: a later cell sets {name} to None again; delete one of the two")
    if faults:
        raise InputError("\n".join(faults))
    return given


def _is_value(value: object) -> bool:
    """Whether it may be meant as a setting: no module, function or class, which are imported."""
    return value is not None and not isinstance(value, ModuleType) and not callable(value)


class _Line(NamedTuple):
    """A line that assigns something to a name; `value` where that stands there as it is."""

    number: int
    text: str
    value: ast.expr | None

    @property
    def is_none(self) -> bool:
        return isinstance(self.value, ast.Constant) and self.value.value is None

    def __str__(self) -> str:
        return f"parameters, line {self.number}, `{self.text}`"


class _Cell:
    """A cell that ran, as far as it is Python."""

    def __init__(self, source: str):
        from IPython.core.inputtransformer2 import TransformerManager

        self.is_headed = bool(HEADER.search(source))
        # The remark keeps IPython from taking off empty lines, so lines can be counted.
        text = "#\n" + PYTHON_MAGIC.sub("# ", source)
        try:
            text = TransformerManager().transform_cell(text)
            self.tree = ast.parse(text)
        except SyntaxError:  # such as the text of another language behind its magic
            self.tree = ast.parse("")
        self.texts = text.splitlines()

    def assigned(self) -> dict[str, _Line]:
        """Name -> the last line that assigns it."""
        plain = {  # not in a block, and not one of several
            id(target): node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in _targets(node)
        }
        nodes = sorted(_names(self.tree, ast.Store), key=lambda node: node.lineno)
        return {
            node.id: _Line(
                node.lineno - 1, self.texts[node.lineno - 1].strip(), plain.get(id(node))
            )
            for node in nodes
        }

    def behind(self, known: Collection[str]) -> set[str]:
        """The names that values of settings are made of, on lines before or in conditions."""
        used = set(known)
        nodes = [node for node in ast.walk(self.tree) if hasattr(node, "lineno")]
        for node in sorted(nodes, key=lambda node: node.lineno, reverse=True):
            if isinstance(node, ast.If):
                used |= {name.id for name in _names(node.test, ast.Load)}
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value:
                if any(name.id in used for name in _names(node, ast.Store)):
                    used |= {name.id for name in _names(node.value, ast.Load)}
        return used - set(known)


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _names(node: ast.AST, context: type) -> Iterator[ast.Name]:
    """The names in a piece of Python that are read (ast.Load) or assigned (ast.Store)."""
    return (
        name
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, context)
    )


def _cells_before(caller: FrameType) -> tuple[bool, list[str]]:
    """The cells that ran before the call in `caller`, and whether no call was before it.

    Of cells that begin with the same line the latest counts: it was edited and run again. Where
    there were calls before, these are the cells with a header that ran since, or before.
    """
    calls: list[list[str]] = [[]]
    for source in _sources(caller):
        match = CALL.search(source)
        calls[-1].append(source[: match.start()] if match else source)
        if match:
            calls.append([])
    later = [[cell for cell in cells if HEADER.search(cell)] for cells in calls[1:]]
    chosen = next((cells for cells in reversed(later) if cells), calls[0])
    latest: dict[str, str] = {}
    for cell in chosen:
        beginning = cell.strip().partition("\n")[0]
        latest.pop(beginning, None)
        latest[beginning] = cell
    return chosen is calls[0], list(latest.values())


def _sources(caller: FrameType) -> list[str]:
    """The text of what ran up to the call, cell by cell; nothing where it is not known."""
    from IPython import get_ipython

    frame: FrameType | None = caller
    while frame:  # %run of a notebook leaves its cells out of the history
        if frame.f_code.co_name == "safe_execfile_ipy":
            return _cells_of_file(Path(frame.f_locals["fname"]))
        frame = frame.f_back
    shell = get_ipython()
    if shell and shell.user_ns is caller.f_globals:
        history = shell.history_manager.input_hist_raw
        if CALL.search(history[-1]):
            return history
    script = Path(caller.f_code.co_filename)
    return _cells_of_file(script, caller.f_lineno) if script.is_file() else []


def _cells_of_file(path: Path, line: int | None = None) -> list[str]:
    """The cells of a notebook or a script, up to and with the one that asks in `line`."""
    if path.suffix == ".ipynb":
        import nbformat

        cells = nbformat.read(path, as_version=4).cells
        sources = [cell.source for cell in cells if cell.cell_type == "code"]
    else:
        lines = linecache.getlines(str(path))  # in the encoding that the script names
        sources = MARK.split("".join(lines[:line]))
    asks = next((i for i, source in enumerate(sources) if CALL.search(source)), len(sources))
    return sources[: asks + 1]
