"""Files written whole or not at all, CSV tables, one error for bad input and one for disks."""

import codecs
import contextlib
import csv
import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from mbnb.text import plain

PACKAGE = Path(__file__).resolve().parent
TABLES = PACKAGE / "tables"
# A checkout is its own workplace; an installed package works in the current folder.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()


LEGACY = "cp1252"  # what spreadsheets of Western Europe and America write as plain CSV
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16 does, so it is tried before
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAVE = "save it as plain text or as CSV (UTF-8)"
FOREIGN = {
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", SAVE),
    b"{\\rtf": ("formatted text (RTF)", SAVE),
    b"%pdf": ("a PDF", SAVE),
    b"<!doctype": ("a web page", "download the file itself"),
    b"<html": ("a web page", "download the file itself"),
    b"<?xml": ("an XML file", SAVE),
    b"version https://git-lfs": ("a pointer that Git LFS left", "`git lfs pull` fetches the file"),
}
ZIPPED = {
    "xl/": ("an Excel workbook", SAVE),
    ".iwa": ("a Numbers spreadsheet", SAVE),
    "content.xml": ("a LibreOffice spreadsheet", SAVE),
    "": ("a zip archive", "unpack it"),
}

# What moves a terminal's cursor, colours it, or turns the writing round.
STEERING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LONGEST = 2000  # letters of a line that says what is wrong


class InputError(ValueError):
    """Something that a user gave cannot be used.

    The message says which file, which line, what was expected and what came, one fault a line, as
    `fit_to_print`.
    """

    def __init__(self, message: object = ""):
        super().__init__(fit_to_print(str(message)))


def fit_to_print(message: str) -> str:
    """Of a line that quotes too much the middle is left out; what steers a terminal is spelled."""
    lines = STEERING.sub(lambda found: repr(found[0])[1:-1], message).split("\n")
    return "\n".join(
        one if len(one) <= LONGEST else f"{one[: LONGEST * 2 // 3]} … {one[-LONGEST // 4 :]}"
        for one in lines
    )


class DiskError(OSError):
    """A disk does not take a file. The message says which, why, what is kept and what to do."""


DISK_FAULTS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk (quota) is used up",
    errno.EFBIG: "the file is larger than is allowed there",
    errno.EROFS: "the disk or folder is read-only",
    errno.EACCES: "you may not write there, or another program holds the file open",
    errno.EPERM: "you may not write there",
    errno.ENAMETOOLONG: "the name or the path is too long for the disk",
    errno.EEXIST: "a file, or a link to a disk that is not there, is in its place",
    errno.ENOTDIR: "a file is where a folder should be",
    errno.EIO: "the disk does not answer",
    errno.ESTALE: "the disk does not answer",
}
FULL = (errno.ENOSPC, errno.EDQUOT)
PART = ".part-"  # in the name of a hidden folder in which a file is written
PROBE = 1 << 20  # bytes that are tried where a library does not say why it could not write


def disk_error(error: Exception, path: str | os.PathLike | None = None) -> DiskError | None:
    """What is said where `error` came of a disk that did not take `path`; None of other errors.

    An OSError may name the file itself. Libraries raise others, too, without a reason, so a few
    bytes are written beside `path` to see.
    """
    if isinstance(error, DiskError):
        return error
    number, named = getattr(error, "errno", None), Path(path or ".").absolute()
    lost = named
    if (other := getattr(error, "filename", None)) and isinstance(other, str | bytes):
        other = Path(os.fsdecode(other)).absolute()
        lost = other if named in other.parents else named
        # Files beside `path` have names that are made up until they are whole.
        named = named if path and named.parent in other.parents else other
    place = next(parent for parent in (named, *named.parents) if os.path.isdir(parent))
    if path and number in (None, errno.ENOENT) and not (lost.parent.is_dir() or lost.is_dir()):
        return DiskError(
            f"{named} cannot be written: its folder is gone, renamed or deleted meanwhile. What "
            f"was written before is whole; go on where the folder is now"
        )
    if number is None:
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(bytes(PROBE))
        except OSError as found:
            number = found.errno
    if number not in DISK_FAULTS:
        return None
    if number == errno.EACCES and os.path.exists(named) and not os.access(named, os.R_OK):
        return DiskError(f"{named} cannot be read: you may not open it")
    free = f" ({_left(place)} free)" if number in FULL else ""
    real = f" ({place} is {place.resolve()})" if place.resolve() != place else ""
    todo = "Make room there" if number in FULL else "Change that"
    return DiskError(
        f"{named} cannot be written: {DISK_FAULTS[number]}{free}{real}. {todo}, or name another "
        f"folder (the setting outputs; the variable TMPDIR for temporary files), and repeat the "
        f"command. What was written before is whole"
    )


def _left(place: Path) -> str:
    """How much fits on the disk of a folder; some are full of files when they have room yet."""
    about = os.statvfs(place) if hasattr(os, "statvfs") else None
    if about and about.f_files and not about.f_favail:
        return "0 files"
    return f"{shutil.disk_usage(place).free >> 20} MB"


@contextlib.contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Say of whatever cannot be written in the block what `disk_error` says of `path`."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch raises the latter
        if said := disk_error(error, path):
            raise said from error
        raise


@contextlib.contextmanager
def replacing(path: Path, beside: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` once the block has ended well.

    The block creates a file or a folder there; after an exception it is removed. An existing
    folder is replaced whole. beside: a folder on the same disk for what is temporary, else that of
    `path`. Raises DiskError where the disk does not take it.
    """
    path = Path(path)
    with contextlib.ExitStack() as at_the_end, on_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = tempfile.mkdtemp(prefix=f".{path.name[:40]}{PART}", dir=beside or path.parent)
        holder = Path(holder)
        at_the_end.callback(shutil.rmtree, holder, ignore_errors=True)
        part = holder / path.name
        yield part
        if part.is_dir() and path.is_dir():
            os.rename(path, holder / "replaced")
        os.replace(part, path)


def clear_unfinished(folder: Path) -> None:
    """Remove what `replacing` left in a folder when its process was killed.

    Nobody else may be writing there.
    """
    for holder in folder.glob(f".*{PART}*"):
        shutil.rmtree(holder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def read_text(path: Path, kind: str = "text") -> str:
    r"""The text of a file in UTF-8, UTF-16 or code page 1252, its lines ended by \n.

    Raises InputError, with `kind` in it, for what is no text, such as a spreadsheet's own file.
    """
    try:
        raw = Path(path).read_bytes()
        if foreign := _foreign(raw):
            raise InputError(f"{path}: is {foreign[0]}, not text; {foreign[1]}")
        text = raw.decode(encoding_of(raw))
        if "\0" in text:
            raise ValueError("it holds bytes that are no letters")
    except InputError:
        raise
    except UnicodeDecodeError:
        wanted = "it is in neither UTF-8 nor UTF-16 nor code page 1252"
        raise InputError(f"{path}: cannot be read as {kind} ({wanted})") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as {kind} ({error})") from None
    # Files put together keep the marks of each one's beginning.
    text = re.sub("[\ufeff\u200b\x1a]", "", text).replace("\r\n", "\n").replace("\r", "\n")
    # A first line sep=; is a word to Excel.
    text = re.sub(r'\A"?sep=."?[^\w\n]*(?=\n)', "", text, flags=re.IGNORECASE)
    return unicodedata.normalize("NFC", text)


def encoding_of(raw: bytes) -> str:
    """The encoding in which `raw` is text, `LEGACY` where it can be none of the newer ones."""
    for mark, encoding in ENCODINGS.items():
        if raw.startswith(mark):
            return encoding
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(raw) > 1 and raw[first::2].count(0) > len(raw) / 4:
            return encoding
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return LEGACY
    return "utf-8"


def _foreign(raw: bytes) -> tuple[str, str] | None:
    """What a file that is no text is and what to do, None where nothing speaks against text."""
    head, names = raw[:64].lstrip().lower(), ""
    if raw.startswith(b"PK\x03\x04"):
        # Damaged names and versions to come are other errors than a damaged list.
        with contextlib.suppress(zipfile.BadZipFile, ValueError, NotImplementedError):
            names = " ".join(zipfile.ZipFile(io.BytesIO(raw)).namelist())
        return next(kind for part, kind in ZIPPED.items() if part in names)
    return next((kind for mark, kind in FOREIGN.items() if head.startswith(mark)), None)


def read_rows(path: Path, columns: Collection[str] = ()) -> tuple[str, list[tuple[int, list[str]]]]:
    """The separator of a table, and its rows that are not blank, each with its line number.

    The header is the first row. It tells the separator: the one that brings forth most of
    `columns`, or most cells. Raises InputError as `read_text` does.
    """
    lines = read_text(path, "a CSV table").split("\n")
    if all(re.fullmatch(r'\s*("([^"]|"")*")?\s*', line) for line in lines):
        lines = [line.strip()[1:-1].replace('""', '"') for line in lines]  # rows quoted as a whole
    header = next((line for line in lines if line.strip(',;\t|" ')), "")
    wanted = {plain(name) for name in columns}

    def fitness(separator: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=separator), [])
        return len(wanted & set(map(plain, cells))), len(cells)

    separator = max(",;\t|", key=fitness)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [_cell(cell) for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as a CSV table ({error})") from None
    return separator, [(line, row) for line, row in rows if any(row)]


def read_table(
    path: Path, columns: tuple[str, ...], faults: list[str] | None = None
) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers; further columns may be there.

    All is text. Columns are called as in `columns`, however the header writes them, others in
    small letters. In each row every one of `columns` has a value, or InputError lists all lines
    where one is missing or stands in no column. Given a list `faults`, those lines are added to
    it instead. A file that is no table or lacks a column raises InputError either way.
    """
    separator, rows = read_rows(path, columns)
    first, header = rows[0] if rows else (1, [])
    names = {plain(name): name for name in columns}
    keys = [names.get(plain(cell), plain(cell)) for cell in header]
    missing = [name for name in columns if name not in keys]
    if missing:
        raise InputError(
            f"{path}, line {first}: expected the columns {', '.join(columns)}; "
            f"missing: {', '.join(missing)}; found: {', '.join(filter(None, header)) or 'nothing'}"
        )
    found = [
        f"{path}, line {first}: the column {name} stands there more than once"
        for name in columns
        if keys.count(name) > 1
    ]
    found += surplus(path, separator, rows)
    table = []
    for line, cells in rows[1:]:
        row = dict.fromkeys(filter(None, keys), "") | dict(zip(keys, cells))
        row.pop("", None)
        found += [
            fault_line(path, line, f"no value for {name}") for name in columns if not row[name]
        ]
        table.append((line, row))
    if faults is not None:
        faults += found
    elif found:
        raise InputError("\n".join(found))
    return table


def surplus(path: Path, separator: str, rows: list[tuple[int, list[str]]]) -> list[str]:
    """Faults of the rows that `read_rows` found in `path`: those with more cells than columns."""
    columns = len(rows[0][1]) if rows else 0
    return [
        f"{path}, line {line}: expected {columns} cells, found {len(cells)}: "
        f"a cell that holds {separator!r} stands in quotes"
        for line, cells in rows
        if any(cells[columns:])
    ]


def fault_line(path: object, line: int | None, problem: str) -> str:
    """One fault of an input file as every message words it."""
    return f"{path}{'' if line is None else f', line {line}'}: {problem}"


def fingerprint(*parts: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of `parts` in their order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def _cell(text: str) -> str:
    """A cell without blanks, nor the formula that keeps a spreadsheet from changing it."""
    text = text.strip()
    return text[2:-1] if text.startswith('="') and text.endswith('"') else text
