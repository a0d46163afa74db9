"""Rows of what `verify` finds, for the tests of this room."""

import pandas as pd


def errors_of(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that would break a training."""
    return table[table["severity"] == "error"]


def find(table: pd.DataFrame, severity: str, file: object, words: str, line: int | None = None):
    """Assert that one row of that severity, file and line has a problem with these words."""
    same_line = table["line"].isna() if line is None else (table["line"] == line).fillna(False)
    has_words = table["problem"].str.contains(words, regex=False)
    same_file = table["file"] == str(file)
    rows = table[(table["severity"] == severity) & same_file & same_line & has_words]
    what = f"{severity} {file} {line} {words!r}"
    assert len(rows) == 1, f"{what}: {len(rows)} rows in\n{table.to_string()}"
