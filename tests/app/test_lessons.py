"""The helpers of the lessons: what a student reads after an answer, and what a notebook shows."""

import html
import math
import urllib.parse
from fractions import Fraction

import numpy as np
import pytest

from hexlab import Board, Color
from hexlab.app import lessons
from hexlab.app.web.positions import read_position


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "No answer yet: write yours in place of None and run this cell again."),
        ("ten", "'ten' is not a number: write one without quotes, such as 3 or 0.25."),
        (True, "True is not a number: write one without quotes, such as 3 or 0.25."),
        (9.4, "Not yet: 9.4 is too small. Look again."),
        (11, "Not yet: 11 is too large. Look again."),
        (10.5, "Right, it is 10."),
        (np.int64(10), "Right, it is 10."),
        (np.uint8(3), "Not yet: 3 is too small. Look again."),
        (np.float32(10.5), "Right, it is 10."),
        (Fraction(23, 2), "Not yet: 11.5 is too large. Look again."),
        pytest.param(10**400, "Not yet: inf is too large. Look again.", id="a large factorial"),
        (-math.inf, "Not yet: -inf is too small. Look again."),
        (math.nan, "nan is no answer: it stands for what is not defined, such as 0 / 0. Look where it comes from."),
        (np.float32("nan"), "nan is no answer: it stands for what is not defined, such as 0 / 0. Look where it comes from."),
        (1j, "1j is not a number: write one without quotes, such as 3 or 0.25."),
        (np.bool_(True), f"{np.bool_(True)!r} is not a number: write one without quotes, such as 3 or 0.25."),
    ],
)
def test_numbers(answer, said, capsys):
    lessons.check_number(answer, expected=10, within=0.5, hint="Look again.")
    assert capsys.readouterr().out == said + "\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "No answer yet: write yours in place of None and run this cell again."),
        (4, "4 is not a text: write the names in quotes, such as 'b2 c3'."),
        ("", "Not yet: 0 of your 0 are right, 2 are missing. Look again."),
        ("a1 b2 c1", "Not yet: 1 of your 3 is right, 1 is missing. Look again."),
        ("a1 b2 c3", "Not yet: 2 of your 3 are right, 0 are missing. Look again."),
        (" C3,B2 ", "Right: b2 c3."),
    ],
)
def test_words(answer, said, capsys):
    lessons.check_words(answer, expected=("b2", "c3"), hint="Look again.")
    assert capsys.readouterr().out == said + "\n"


def test_short_lessons_are_asked_for_by_the_environment(monkeypatch):
    monkeypatch.delenv(lessons.SHORT, raising=False)
    assert lessons.pick(100, short=5) == 100
    monkeypatch.setenv(lessons.SHORT, "1")
    assert lessons.pick(100, short=5) == 5


@pytest.mark.parametrize(
    "board", [Board(size=2), Board.from_moves("c3 b4", size=5), Board.from_text("B . . / . W . / . . .", turn=Color.WHITE, moves="c1")]
)
def test_a_link_to_the_stepper_holds_the_position(board):
    link = urllib.parse.urlsplit(lessons.Stepper(board, simulations=16).link)
    wishes = dict(urllib.parse.parse_qsl(link.fragment.partition("?")[2], keep_blank_values=True))
    assert (wishes["agent"], wishes["simulations"]) == ("rollouts", "16")
    assert read_position(wishes["start"], int(wishes["size"])) == board
    assert f'href="{html.escape(link.geturl())}"' in lessons.Stepper(board, simulations=16)._repr_html_()


def test_pictures_stand_in_a_row_with_their_titles():
    row = lessons.Pictures(start=Board(size=2))
    row.add("a1 is hot", Board(size=2), heat=[1, 0, 0, 0])
    page = row._repr_html_()
    assert page.count("<svg") == 2
    assert page.index("<figcaption>start") < page.index("<figcaption>a1 is hot") < page.rindex("<svg")
