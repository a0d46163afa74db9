"""Files written whole or not at all, CSV tables with line numbers, one error for bad input."""

import contextlib
import csv
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
TABLES = PACKAGE / "tables"
# A checkout is its own workplace; an installed package works in the current folder.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()


class InputError(ValueError):
    """Something that a user gave cannot be used.

    The message says which file, which line, what was expected and what came, one fault a line.
    """


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` once the block has ended well.

    The block creates a file or a folder there; after an exception it is removed. An existing
    folder is replaced whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    part = holder / path.name
    try:
        yield part
        if part.is_dir() and path.is_dir():
            os.rename(path, holder / "replaced")
        os.replace(part, path)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def read_table(
    path: Path, columns: tuple[str, ...], faults: list[str] | None = None
) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers; further columns may be there.

    In each row every one of `columns` has a value, or InputError lists all lines where one is
    missing. Given a list `faults`, those lines are added to it instead. A file that is no table
    or lacks a column raises InputError either way.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise InputError(
                    f"{path}, line 1: expected the columns {', '.join(columns)}; "
                    f"missing: {', '.join(missing)}"
                )
            rows = [
                (reader.line_num, {key: (value or "").strip() for key, value in row.items() if key})
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a CSV table ({error})") from None
    empty = [
        f"{path}, line {line}: no value for {name}"
        for line, row in rows
        for name in columns
        if not row[name]
    ]
    if faults is not None:
        faults += empty
    elif empty:
        raise InputError("\n".join(empty))
    return rows


def fault_line(path: object, line: int | None, problem: str) -> str:
    """One fault of an input file as every message words it."""
    return f"{path}{'' if line is None else f', line {line}'}: {problem}"


def fingerprint(*parts: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of `parts` in their order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
