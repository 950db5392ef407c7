"""What the lessons in `notebooks/` share: checks of a student's answers, pictures side by side, and a short way through for tests.

A check knows an answer only by the call of the package that works it out, so that no solution stands in a notebook.
"""

import html
import math
import numbers
import os
import urllib.parse
from collections.abc import Iterable
from typing import TypeVar

from hexlab.protocols import Evaluator
from hexlab.rules import sgf
from hexlab.rules.board import Board
from hexlab.rules.render import to_svg

__all__ = ["FIXED_VALUES", "SHORT", "Pictures", "Stepper", "check_number", "check_words", "fixed_judge", "pick"]

SHORT = "HEXLAB_SHORT_LESSONS"
"""Environment variable that, set to anything, takes the short way through every lesson."""
_UNANSWERED = "No answer yet: write yours in place of None and run this cell again."
_Setting = TypeVar("_Setting")


def pick(usual: _Setting, short: _Setting) -> _Setting:
    """Return a lesson's setting: the usual one, or the short one where `SHORT` is set."""
    return short if os.environ.get(SHORT) else usual


def check_number(answer: object, expected: float, within: float = 0.0, hint: str = "") -> None:
    """Say whether an answer is the expected number.

    Args:
        answer: what the student wrote, a number of Python or of numpy; None before that.
        expected: the number.
        within: how far off still counts as right.
        hint: what to think of, said with a wrong answer.

    >>> check_number(3, expected=4, hint="Count the corners.")
    Not yet: 3 is too small. Count the corners.
    >>> check_number(3.9, expected=4, within=0.2)
    Right, it is 4.
    """
    if answer is None:
        print(_UNANSWERED)
        return
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        print(f"{answer!r} is not a number: write one without quotes, such as 3 or 0.25.")
        return
    given = _to_float(answer)
    if math.isnan(given):
        print("nan is no answer: it stands for what is not defined, such as 0 / 0. Look where it comes from.")
    elif abs(given - expected) <= within:
        print(f"Right, it is {expected:.4g}.")
    else:
        print(f"Not yet: {given:g} is too {'small' if given < expected else 'large'}. {hint}".rstrip())


def _to_float(number: numbers.Real) -> float:
    try:
        return float(number)
    except OverflowError:  # such as a large factorial
        return -math.inf if number < 0 else math.inf


def check_words(answer: object, expected: str | Iterable[str], hint: str = "") -> None:
    """Say whether an answer names the expected words, such as cells, in any order.

    Args:
        answer: what the student wrote, one text; None before that.
        expected: the words.
        hint: what to think of, said with a wrong answer.

    >>> check_words("b2 a1", expected=("b2", "c3"))
    Not yet: 1 of your 2 is right, 1 is missing.
    >>> check_words("C3, b2", expected="b2 c3")
    Right: b2 c3.
    """
    words = expected.split() if isinstance(expected, str) else list(expected)
    if answer is None:
        print(_UNANSWERED)
        return
    if not isinstance(answer, str):
        print(f"{answer!r} is not a text: write the names in quotes, such as 'b2 c3'.")
        return
    given, wanted = set(answer.lower().replace(",", " ").split()), {word.lower() for word in words}
    if given == wanted:
        print(f"Right: {' '.join(sorted(words))}.")
    else:
        right, missing = len(given & wanted), len(wanted - given)
        print(f"Not yet: {right} of your {len(given)} {_be(right)} right, {missing} {_be(missing)} missing. {hint}".rstrip())


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


FIXED_VALUES = {"a1": 0.6, "b1": -0.4, "a2": -0.2, "b2": 0.8}
"""What the judge of lesson 2 says on 2x2 after each first move of Black, for White."""


def fixed_judge() -> Evaluator:
    """Return the judge of lesson 2: `FIXED_VALUES`, 0 for all other positions, and the same prior for all moves.

    >>> from hexlab.rules import Boards
    >>> float(fixed_judge()(Boards.from_board(Board.from_moves("b1", size=2))).values[0])
    -0.4000000059604645
    """
    from hexlab import mcts

    return mcts.tabulated({Board.from_moves(move, size=2): ({}, value) for move, value in FIXED_VALUES.items()})


class Stepper:
    """A link that opens the search stepper of ``hexlab web`` at a position; a notebook shows it by itself.

    Args:
        board: an unfinished game.
        agent: who searches, by the page's name: "rollouts", "pretrained:5", "perfect", "lesson-2".
        simulations: 8, 16, 32, 64 or 128.
        address: of the page, as `hexlab web` prints it.

    >>> Stepper(Board.from_moves("b2 a1", size=3), simulations=16)
    http://127.0.0.1:8765/#steps?size=3&start=b2+a1&agent=rollouts&simulations=16
    """

    def __init__(self, board: Board, agent: str = "rollouts", simulations: int = 32, address: str = "http://127.0.0.1:8765"):
        """Write the link."""
        record = sgf.Game.from_board(board)
        start = " ".join(board.moves) if record.start is None else sgf.write(record).strip()
        wishes = {"size": board.size, "start": start, "agent": agent, "simulations": simulations}
        self.link = f"{address}/#steps?{urllib.parse.urlencode(wishes)}"

    def __repr__(self) -> str:
        """Return the link."""
        return self.link

    def _repr_html_(self) -> str:
        link = f'<a href="{html.escape(self.link)}" target="_blank" rel="noopener">Step through this search</a>'
        return f"{link} (start <code>hexlab web</code> first)"


class Pictures:
    """Boards side by side, each under its title; a notebook shows them by itself.

    >>> row = Pictures()
    >>> row.add("before", Board(size=3))
    >>> row.add("policy", Board(size=3), heat=[0, 0, 0.25, 0, 0.5, 0, 0.25, 0, 0])
    >>> row
    <Pictures: before, policy>
    """

    def __init__(self, **boards: Board):
        """Start a row, of the boards that are given by their titles."""
        self._parts: list[tuple[str, str]] = []
        for title, board in boards.items():
            self.add(title, board)

    def add(self, title: str, board: Board, **marks) -> None:
        """Add a board, with the marks that `hexlab.rules.render.to_svg` draws."""
        self._parts.append((title, to_svg(board, **marks)))

    def __repr__(self) -> str:
        """Name the pictures."""
        return f"<Pictures: {', '.join(title for title, _ in self._parts)}>"

    def _repr_html_(self) -> str:
        style = "display:inline-block;text-align:center;margin:0 1em 1em 0"
        return "".join(f'<figure style="{style}"><figcaption>{title}</figcaption>{svg}</figure>' for title, svg in self._parts)
