"""Class cards say what the confusion matrix says, and each class has a page of its own."""

import re

import numpy as np
import pytest
from conftest import Page, until

from mbnb.scores import f1_intervals
from mbnb.show.cards import class_cards, write_class_pages


def test_cards_say_what_the_confusion_matrix_says(guessed):
    config, _, evaluation = guessed
    cards, table = class_cards(evaluation, config), evaluation.per_class
    for i, (card, row) in enumerate(zip(cards, table.itertuples(), strict=True)):
        assert card["support"] == row.support
        assert all(evaluation.confusion[i, other] == count for other, count in card["taken_for"])
        assert all(evaluation.confusion[other, i] == count for other, count in card["false_alarms"])
        counts = [count for _, count in card["taken_for"]]
        assert counts == sorted(counts, reverse=True)
        if np.isnan(row.f1):
            assert card["f1"] is None
        else:
            assert card["f1"] == pytest.approx(row.f1, abs=1e-4)
        if card["low"] is not None:
            assert card["low"] <= card["f1"] + 1e-9
            assert card["f1"] <= card["high"] + 1e-9
    assert max(max(map(max, card["profile"])) for card in cards if card["profile"]) == 255


def test_cards_show_clips_of_their_class_as_they_say(guessed):
    config, _, evaluation = guessed
    confidence = evaluation.probabilities.max(1)
    kinds = set()
    for i, card in enumerate(class_cards(evaluation, config)):
        for kind in {"typical", "borderline", "wrong"} & card.keys():
            kinds.add(kind)
            assert evaluation.clips.labels[card[kind]] == i
            assert evaluation.correct[card[kind]] == (kind != "wrong")
        if "borderline" in card:
            assert confidence[card["typical"]] >= confidence[card["borderline"]]
    assert kinds == {"typical", "borderline", "wrong"}


def test_intervals_of_f1_hold_what_other_people_would_give():
    labels, subjects = np.tile([0, 0, 1, 1], 20), [f"p{i // 4}" for i in range(80)]
    wrong = np.isin(np.arange(80) // 4, range(5)) & (labels == 0)
    bounds = f1_intervals(labels, np.where(wrong, 1, labels), subjects, 3, 500)
    assert bounds[0, 0] < 0.857 < bounds[0, 1]
    assert bounds[0, 1] - bounds[0, 0] < 0.4
    assert np.isnan(bounds[2]).all(), "a class that is nowhere has none"
    assert np.isnan(f1_intervals(labels, labels, ["one"] * 80, 3)).all()


def test_pages_for_classes_stand_alone(guessed, browser):
    config, data, evaluation = guessed
    folder = write_class_pages(config, data, evaluation)
    pages = re.findall(r'href="([^"]+\.html)"', (folder / "index.html").read_text())
    assert len(pages) == (np.bincount(evaluation.clips.labels, minlength=52) > 0).sum()
    assert all((folder / page).exists() for page in pages)
    browser.get((folder / pages[0]).as_uri())
    page = Page(browser)
    until(lambda: page.coloured() > 100)
    assert data.classes.titles[0] in page.one(".card h3").text
    assert "simulated people" in browser.find_element("tag name", "footer").text
