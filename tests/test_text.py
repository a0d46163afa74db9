"""Names of clips and numbers, however cameras, people and spreadsheets spell them."""

import pytest

from mbnb.text import clip_name, is_mangled, likeness, listed, pair_up, whole_number


@pytest.mark.parametrize(
    "text",
    ["anna_01", "anna_01.mp4", "anna_01.MOV", "anna_01.Mts", " anna_01.npy ", "anna_01.avi.mp4"],
)
def test_the_ending_of_a_video_is_no_part_of_a_clips_name(text):
    assert clip_name(text) == "anna_01"


def test_what_is_no_ending_stays():
    assert [clip_name(name) for name in ("A1.2", ".mp4", "anna.01", "a b", "..", "0001")] == [
        *("A1.2", ".mp4", "anna.01", "a b", "..", "0001")
    ]
    assert clip_name("u\N{COMBINING DIAERESIS}.wmv") == "\N{LATIN SMALL LETTER U WITH DIAERESIS}"


def test_whole_numbers_are_read_as_spreadsheets_write_them():
    texts = ["3", " 03 ", "3.0", "3,00", "-1", "3.5", "three", "", "1E+10"]
    assert [whole_number(text) for text in texts] == [3, 3, 3, 3, -1, None, None, None, None]


@pytest.mark.parametrize(
    "changed, name",
    [
        ("1", "0001"),
        ("1.0", "0001"),
        ("1E+10", "10000000001"),
        ("1,23457E+10", "12345678901"),
        ("1234567890123450", "1234567890123456"),
        ("1.00E+05", "1e5"),
        ("100000", "1e5"),
        ("02. Jan", "1-2"),
        ("2026-01-02 00:00:00", "1-2"),
        ("Jan-02", "1-2"),
        ("04. Mrz", "03-04"),
        ("Anna 1", "anna_01"),
    ],
)
def test_a_name_that_was_changed_is_known_again(changed, name):
    others = ["0002", "20000000001", "22345678901", "2-3", "p1_12", "2e5"]
    assert pair_up([changed, "p11_2", "somebody"], [*others, name]) == {changed: name}


def test_only_what_spreadsheets_make_counts_as_mangled():
    mangled = ["1E+10", "1,5E+11", "05. Mai", "2-Jan", "2026-01-02"]
    sound = ["anna", "p1", "0001", "mark", "maria_2", "anna_12_03", "A1_p0", "may", "1e", ""]
    assert [is_mangled(text) for text in mangled + sound] == [True] * 5 + [False] * 10


def test_any_text_has_a_likeness():
    for text in ("sNaN", "NaN", "-inf", "1E+999999999999", "9" * 5000, "\u0663", "", "E", "1e-5"):
        assert isinstance(likeness(text), str) and pair_up(["somebody"], [text]) == {}


def test_long_lists_name_their_first():
    assert listed([1, 2, 3]) == "1, 2, 3" and listed("abcde") == "a, b, c and 2 more"
