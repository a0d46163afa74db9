"""YAML files as people write them, read as plain values, with the line of what is wrong."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from mbnb.files import InputError, read_text

MERGE = "tag:yaml.org,2002:merge"
# Blanks of web pages and word processors, where they are not part of a name.
COPIED = re.compile(r"^[ \u00a0]+|(?<=[:-])[ \u00a0]+", re.MULTILINE)
MOST, DEEPEST = 100_000, 50  # values of a file, and how many may stand in each other
LONGEST = 400  # letters of a number; those in sixties take time by the square of them
SAID = 200  # letters of what is said of a fault
# What YAML takes 007, 12:30, 1e3 and 2024-05-01 for.
NUMBERS = [f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")]


def read_yaml(path: str | Path, texts: Collection[str] = ()) -> dict[str, Any]:
    """The `key: value` lines of a YAML file; those of the keys `texts` as they are written.

    Tabs are blanks. Tuples and the dictionaries of others, as of EasyDict, are plain ones here.
    Raises InputError naming file and line, for a key with two values, too.
    """
    try:
        text = read_text(Path(path), "settings")
        loader = _Loader(COPIED.sub(lambda found: " " * len(found[0]), text.expandtabs()))
        loader.texts = texts
        node = loader.get_single_node()
        values = node and loader.construct_document(node) if _weight(node) else None
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not settings ({str(error)[:SAID]})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        told = problem if isinstance(error, _TwiceError) else f"not YAML ({problem})"
        raise InputError(f"{path}{line}: {told}") from None
    if not isinstance(values or {}, dict):
        raise InputError(
            f"{path}: expected `setting: value` lines, found a {type(values).__name__}"
        )
    return values or {}


def _weight(node: yaml.Node | None) -> int:
    """How many values a document holds when all its aliases are written out.

    Raises ValueError for more than `MOST`, and for what holds itself.
    """
    weights: dict[int, int] = {}

    def of(node: Any) -> int:
        if isinstance(node, yaml.ScalarNode):
            if node.tag in NUMBERS and len(node.value) > LONGEST:
                raise ValueError(f"a number of {len(node.value)} letters")
            return 1
        if weights.setdefault(id(node), 0):
            return weights[id(node)]
        if id(node) in open_nodes:
            raise ValueError("an alias stands for what it stands in")
        open_nodes.add(id(node))
        inner = node.value if isinstance(node, yaml.SequenceNode) else sum(node.value, ())
        weights[id(node)] = 1 + sum(map(of, inner))
        open_nodes.discard(id(node))
        if weights[id(node)] > MOST:
            raise ValueError(f"more than {MOST} values, with all aliases written out")
        return weights[id(node)]

    open_nodes: set[int] = set()
    return of(node) if node is not None else 0


class _TwiceError(yaml.MarkedYAMLError):
    """A key has two values."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe reader, which would take the last of several values without a word."""

    texts: Collection[str] = ()
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """What stands in what stands in … `parent`; raises ValueError for what is too deep."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"brackets in each other, more than {DEEPEST} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        """A dictionary; raises _TwiceError for a key with two values."""
        first: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == MERGE:
                continue
            if key.value in self.texts and value.tag in NUMBERS:
                value.tag = "tag:yaml.org,2002:str"
            before = first.setdefault(str(key.value), (key, value))
            if before[1].value != value.value:
                raise _TwiceError(
                    problem=f"{key.value!r} stands there a second time, with another value than "
                    f"in line {before[0].start_mark.line + 1}; keep one of them",
                    problem_mark=key.start_mark,
                )
        return super().construct_mapping(node, deep)


def _plain(loader: _Loader, kind: str, node: yaml.Node) -> Any:
    """What another program wrote as a Python object, as plain values; nothing is called."""
    if kind.startswith(("object/apply", "name", "module")):
        raise yaml.constructor.ConstructorError(
            None, None, f"it asks for {kind}, which could run code", node.start_mark
        )
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    values = loader.construct_mapping(node, deep=True)
    return values.get("dictitems", values)


# Python's word for nothing.
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^None$"), ["N"])
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _plain)
