"""Games as links to the viewer at hexworld.org: ``https://hexworld.org/board/#11c1,a3:sc5d7:rw``.

After ``#`` stand the size, how the board is shown (``r`` and a rotation from 1 to 12, ``c1``), a comma, and the moves one after the
other. ``:s`` is swap-pieces, ``:p`` a pass, ``:rb`` and ``:rw`` say that Black or White resigned, ``:fb`` and ``:fw`` that they
forfeited, perhaps by their time. A second comma may stand among the moves: the viewer opens at the position there. Black is called Red
on that page, White Blue.

Hex knows no pass. Links use it to set up positions, and so it is read: the moves up to the last pass make `Game.start`.

Source: the links that the viewer makes, and those of PlayHex.
"""

import dataclasses
import re
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules.board import SWAP_PIECES, Board, Color
from hexlab.rules.cells import cell_index, cell_name, check_size
from hexlab.rules.sgf import Game

__all__ = ["Link", "read", "write"]

_PAGE = "https://hexworld.org/board/#"
_ROTATION = 10  # as the viewer shows a board that names none
_FORM = re.compile(r"(\d{1,2})(?:x(\d{1,2}))?((?:[a-z]\d*)*)(?:,([^,]*)(?:,([^,]*))?)?")
_TOKEN = re.compile(r"[a-z]\d+|:s|:p|:[rf][bw]")


class Link(NamedTuple):
    """What a link says.

    Attributes:
        game: the game.
        shown: how many of the game's moves are played in the position that the viewer opens at.
    """

    game: Game
    shown: int


def write(game: Game, shown: int | None = None, rotation: int = _ROTATION) -> str:
    """Return the link that shows a game.

    Args:
        game: the game; its names and its comment find no place in a link.
        shown: how many moves are played when the viewer opens, all of them by default.
        rotation: how the board lies, 1 to 12; 10 is the viewer's own.

    Raises:
        PositionError: moves or a rotation that are not there.

    >>> write(Game(11, "c2 d4 c6", winner=Color.BLACK))
    'https://hexworld.org/board/#11c1,c2d4c6:rw'
    >>> write(Game(5, "a3 swap-pieces c3"), shown=1, rotation=9)
    'https://hexworld.org/board/#5r9c1,a3,:sc3'
    """
    board = game.board()
    count = len(board.moves)
    shown = count if shown is None else shown
    if not 0 <= shown <= count:
        raise PositionError(f"the game has {count} moves: a link cannot show {shown!r} of them")
    if rotation not in range(1, 13):
        raise PositionError(f"rotation {rotation!r} is not known: give a number from 1 to 12")
    moves = [":s" if move == SWAP_PIECES else move for move in board.moves]
    turned = "" if rotation == _ROTATION else f"r{rotation}"
    end = ""
    if game.winner is not None and board.winner is None:
        end = f":{'f' if game.forfeited else 'r'}{'bw'[game.winner.other]}"
    rest = f",{''.join(moves[shown:])}" if shown < count else ""
    return f"{_PAGE}{game.size}{turned}c1,{_set_up(game.start)}{''.join(moves[:shown])}{rest}{end}"


def read(text: str) -> Link:
    """Return what a link says; the part after ``#`` will do.

    Raises:
        PositionError: text that is no such link, a board that is not square or not supported.
        IllegalMoveError: a move that the rules do not allow.

    >>> link = read("https://hexworld.org/board/#11c1,h4e7f9,b9c3:rb")
    >>> link.game.board().moves, link.shown, link.game.winner
    (('h4', 'e7', 'f9', 'b9', 'c3'), 3, <Color.WHITE: 1>)
    """
    quoted = repr(text if len(text) <= 60 else text[:57] + "...")
    address, mark, after = unquote(text.strip()).rpartition("#")
    match = _FORM.fullmatch(after.lower())
    if match is None or (mark and "hexworld.org/board" not in address.lower()):
        raise PositionError(f"{quoted} is no HexWorld link: expected one such as {_PAGE}11c1,a3c5")
    if match[2] not in (None, match[1]):
        raise PositionError(f"{quoted} shows a board of {match[1]}x{match[2]} cells: only square boards are supported")
    size = check_size(int(match[1]))
    before, later = (_split(part or "", quoted) for part in (match[4], match[5]))
    tokens = before + later
    winner, forfeited = None, False
    if tokens and tokens[-1][1] in "rf":
        winner, forfeited = Color("bw".index(tokens[-1][2])).other, tokens.pop()[1] == "f"
    if early := [token for token in tokens if token[:2] in (":r", ":f")]:
        raise PositionError(f"{quoted} goes on after {early[0]}, which ends a game")
    passes = [place for place, token in enumerate(tokens, 1) if token == ":p"]
    set_up = passes[-1] if passes else 0
    start = _read_start(tokens[:set_up], size) if set_up else None
    moves = [SWAP_PIECES if token == ":s" else token for token in tokens[set_up:]]
    game = Game(size, moves, winner=winner, start=start)
    if forfeited and game.resigned:
        game = dataclasses.replace(game, forfeited=True)
    return Link(game, min(max(len(before) - set_up, 0), len(moves)))


def _split(moves: str, quoted: str) -> list[str]:
    tokens = _TOKEN.findall(moves)
    if "".join(tokens) != moves:
        at = re.match(f"(?:{_TOKEN.pattern})*", moves)
        rest = moves[at.end() if at else 0 :][:12]
        raise PositionError(f"{quoted} cannot be read at {rest!r}: expected a cell, :s, :p, or :rb, :rw, :fb or :fw at the end")
    return tokens


def _set_up(start: Board | None) -> str:
    """Return moves that set a position up and end in a pass."""
    if start is None:
        return ""
    stones = start.stones.ravel()
    black, white = ([cell_name(int(cell), start.size) for cell in np.flatnonzero(stones == color)] for color in (1, 2))
    pairs = max(len(black), len(white))
    made = "".join(side[place] if place < len(side) else ":p" for place in range(pairs) for side in (black, white))
    return made + (":p" if start.turn is Color.WHITE else "" if made.endswith(":p") else ":p:p")


def _read_start(tokens: list[str], size: int) -> Board:
    stones = np.zeros(size * size, np.uint8)
    for place, token in enumerate(tokens):
        if token == ":s":
            raise IllegalMoveError("a position that is set up with passes cannot be swapped: leave out :s or the passes")
        if token != ":p":
            cell = cell_index(token, size)
            if stones[cell]:
                raise IllegalMoveError(f"move {place + 1}: {token!r} is occupied; choose an empty cell")
            stones[cell] = place % 2 + 1
    return Board.from_stones(stones, Color(len(tokens) % 2))
