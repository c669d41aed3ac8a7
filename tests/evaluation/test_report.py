"""Tests of evaluation/report.py: a page that stands alone and shows text as text."""

import html.parser
import re

import pytest
import tensorflow as tf

from keras_inception.evaluation import report

PNG = b"\x89PNG\r\n\x1a\n0000"
JPEG = b"\xff\xd8\xff0000"


class Checker(html.parser.HTMLParser):
    """Fails on a tag that is not closed in order; collects tags and text."""

    VOID = {"meta", "img", "source"}

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page():
    right = report.Card(JPEG, "a_cat", [("a_cat", 0.9), ("<dog>", 0.1)])
    wrong = report.Card(PNG, "a_cat", [("extraordinarily_long", 0.5)], note="TFLite: cow & calf")
    body = [
        report.tiles({"top-1 & more": "<b>"}),
        report.section("Tables", "x < y", report.table(["form", "a"], [["<k>", 1], ["l", 2]])),
        report.side_by_side(report.plot(lambda theme: PNG + theme.encode(), 'a "plot"')),
        report.cards([right, wrong]),
        report.folded("more", "<p>inside</p>"),
    ]
    return report.page("T & t", "lead", body, "foot")


def test_it_is_well_formed_and_escapes_text():
    checked = Checker(page())
    for text in ("T & t", "top-1 & more", "<b>", "x < y", "<k>", "<dog>", "TFLite: cow & calf"):
        assert text in checked.text
    assert ("b", {}) in checked.tags  # a bar's percentage, and no other bold
    assert not any(tag in ("k", "dog", "script") for tag, _ in checked.tags)


def test_nothing_is_fetched():
    addresses = re.findall(r'(?:src|srcset|href)="([^"]*)"', page())
    assert len(addresses) == 4
    assert all(address.startswith("data:image/") for address in addresses)
    assert sum(address.startswith("data:image/jpeg") for address in addresses) == 1
    assert "http" not in page()
    assert "url(" not in page()


def test_it_fits_phones_and_both_themes():
    checked = Checker(page())
    views = [a["content"] for tag, a in checked.tags if a.get("name") == "viewport"]
    assert views == ["width=device-width, initial-scale=1"]
    assert "prefers-color-scheme: dark" in report.STYLE
    assert any(a.get("media") == "(prefers-color-scheme: dark)" for _, a in checked.tags)
    assert any(a.get("alt") == 'a "plot"' for _, a in checked.tags)


def test_right_and_wrong_differ_in_more_than_colour():
    checked = Checker(page())
    classes = [a["class"] for tag, a in checked.tags if tag == "figure"]
    assert classes == ["card right", "card wrong"]
    assert "\u2713 a cat" in checked.text
    assert "\u2717 extraor" in checked.text


def test_the_surest_mistake_of_each_kind():
    def card(truth, label, score):
        return report.Card(b"", truth, [(label, score)])

    cards = [card("a", "b", 0.6), card("a", "b", 0.8), card("c", "b", 0.7), card("a", "a", 0.9)]
    assert report.surest_of_each_kind(cards, 5) == [cards[1], cards[2]]
    assert report.surest_of_each_kind(cards, 1) == [cards[1]]


def test_thumbnails_are_small_jpegs():
    small = tf.io.encode_jpeg(tf.zeros((20, 30, 3), tf.uint8)).numpy()
    assert report.thumbnail(small) is small
    for height, width, shape in ((300, 600, (120, 240)), (10, 8, (10, 8))):
        made = report.thumbnail(tf.io.encode_png(tf.zeros((height, width, 3), tf.uint8)).numpy())
        assert made.startswith(b"\xff\xd8")
        assert tf.io.decode_jpeg(made).shape == (*shape, 3)


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.4, "7 s"), (125, "2 min 5 s"), (10_850, "3 h 0 min")]
)
def test_duration(seconds, text):
    assert report.duration(seconds) == text
