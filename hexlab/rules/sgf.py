r"""Game records in the Smart Game Format: the dialect of HexGui and PlayHex is written, that of Little Golem is read as well.

A file holds any number of games, ``(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[5]PB[..]PW[..]RE[B+];B[c3];W[b4]..)``: Black moves first,
a cell is written by its name, giving up as the move ``resign``, losing otherwise before the end as ``forfeit``, the swap as
``swap-pieces``. Backslash, ``]``, ``[`` and ``:`` in text
wear a backslash. Stones that are set up before the first move (``AB``, ``AW``, ``AE``, ``PL``) make the position that a game starts from.
Of a game with variations the main line is read, and `Game.notes` says so.

Two words of other programs mean what they mean there:

* ``swap-sides``, and ``swap`` outside Little Golem: the players trade colors and the stones stay, so that White is to move again. Such a
  game is read as one without a swap whose players have traded names. ``swap-pieces`` means the same in files of HexGui up to 0.9, and
  where the next move is White's again, as in files of Benzene's tournaments.
* Little Golem's files (``.hsgf``) name a cell by two letters, column and row, ``aa`` is a1. Their first move is W's, though it is that
  of the player under ``PB``, who joins top and bottom; ``swap`` is swap-pieces there.

Source: https://www.red-bean.com/sgf/, the readers of HexGui and PlayHex, and games of Little Golem.
"""

import codecs
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules.board import SWAP_PIECES, Board, Color, check_color
from hexlab.rules.cells import MAX_SIZE, cell_index, cell_name, check_size

__all__ = ["Game", "load", "read", "write"]

_LETTERS = "BW"
_TOKEN = re.compile(r"\s*([();]|[A-Za-z]+|\[(?:[^\]\\]|\\.)*\])", re.DOTALL)
_GOLEM_CELL = re.compile("[a-z]{2}")
_SETUP = ("AB", "AW", "AE")
_SWAPS = (SWAP_PIECES, "swap-sides", "swap")
_GIVING_UP = ("resign", "forfeit")


@dataclasses.dataclass(frozen=True)
class Game:
    """One recorded game.

    Attributes:
        size: board size n.
        moves: cell numbers in order of play as a tuple, with "swap-pieces" in second place where White swapped. Names, or one string
            of names, are turned into numbers.
        black: name of Black's player, "" where unknown.
        white: name of White's player.
        winner: who won, or None for a game that is not over. Left out, it follows from the moves.
        comment: free text about the game.
        start: the position that the moves start from, None for the empty board with Black to move.
        forfeited: whether the loser was stopped before the end, by its time or for breaking the rules.
        notes: what a reader left out or took in another sense; games are equal whatever their notes.

    Raises:
        IllegalMoveError: a move that the rules do not allow.
        PositionError: a winner who is no color or whom the moves contradict, a forfeit without a winner or in a game that is over, or a
            size that is not supported.

    >>> game = Game(3, "b2 a1 b1 c1 b3", black="net@64")
    >>> game.winner, game.resigned
    (<Color.BLACK: 0>, False)
    >>> Game(3, "b2 a1", winner=Color.BLACK).resigned
    True
    >>> Game(3, "a3 swap-pieces").board().turn
    <Color.BLACK: 0>
    """

    size: int
    moves: Sequence[int | str]
    black: str = ""
    white: str = ""
    winner: Color | None = None
    comment: str = ""
    start: Board | None = None
    forfeited: bool = False
    notes: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self):
        """Play the moves, and settle the winner."""
        size = check_size(self.size)
        if self.start is not None and self.start.size != size:
            raise PositionError(f"a game of size {size} cannot start from a position of size {self.start.size}")
        start = None if self.start is None else _set_up(self.start.stones, self.start.turn)
        board = _play(start, self.moves, size, swap=True)
        winner = board.winner if self.winner is None else check_color("winner", self.winner)
        if board.winner not in (None, winner):
            raise PositionError(f"the record says that {winner} has won, but by its moves {board.winner} has")
        if self.forfeited and (winner is None or board.winner is not None):
            raise PositionError("a game is forfeited to a winner, and before its end")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "moves", tuple(move if move == SWAP_PIECES else board.to_cell(move) for move in board.moves))
        object.__setattr__(self, "winner", winner)
        object.__setattr__(self, "black", " ".join(self.black.split()))
        object.__setattr__(self, "white", " ".join(self.white.split()))

    @classmethod
    def from_board(cls, board: Board, black: str = "", white: str = "", winner: Color | None = None) -> "Game":
        """Return the record of a game on a board, from the position that was set up there, if any.

        Args:
            board: the last position, with its history.
            black: name of Black's player, "" where unknown.
            white: name of White's player.
            winner: who won, if the board does not tell; None for a game that is not over.

        Raises:
            PositionError: a winner who is no color or whom the board contradicts.

        >>> Game.from_board(Board.from_text("B. / W.", moves="b1"), "Ann", "Bob").start
        Board.from_text('B . / W .', turn=Color.BLACK)
        """
        start = board.copy()
        while start.moves:
            start.pop()
        return cls(board.size, board.moves, black, white, winner, start=start)

    @property
    def resigned(self) -> bool:
        """Whether the loser gave up before the winner had joined its edges."""
        return self.winner is not None and not self.forfeited and self.board().winner is None

    def board(self) -> Board:
        """Return the last position, with its history."""
        return _play(self.start, self.moves, self.size, swap=SWAP_PIECES in self.moves)


def write(game: Game) -> str:
    """Return a game as one line of SGF; equal games give equal text. Lines of several games make a file.

    >>> print(write(Game(3, "b2 a1 b1 c1 b3", black="net@64", white="random")), end="")
    (;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[3]PB[net@64]PW[random]RE[B+];B[b2];W[a1];B[b1];W[c1];B[b3])
    """
    board = game.board()
    end = "" if game.winner is None or board.winner is not None else "forfeit" if game.forfeited else "resign"
    head = ["FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]", f"SZ[{game.size}]"]
    head += [f"{key}[{_escape(text)}]" for key, text in (("PB", game.black), ("PW", game.white), ("C", game.comment)) if text]
    if game.winner is not None:
        head.append(f"RE[{_LETTERS[game.winner]}+{end.capitalize()}]")
    first = Color.BLACK
    if game.start is not None:
        first, stones = game.start.turn, game.start.stones.ravel()
        for color in Color:
            names = [f"[{cell_name(int(cell), game.size)}]" for cell in np.flatnonzero(stones == color + 1)]
            head += [f"A{_LETTERS[color]}{''.join(names)}"] if names else []
        head.append(f"PL[{_LETTERS[first]}]")
    nodes = [f";{_LETTERS[(first + ply) % 2]}[{name}]" for ply, name in enumerate(board.moves)]
    if game.winner is not None and end:
        nodes.append(f";{_LETTERS[game.winner.other]}[{end}]")
    return f"(;{''.join(head)}{''.join(nodes)})\n"


def read(text: str) -> list[Game]:
    """Return the games of an SGF text.

    Raises:
        PositionError: text that is no SGF, another game than Hex, a board that is not square or not supported, a pass, stones that
            are set up amid the moves, or a result that the moves contradict.
        IllegalMoveError: a move that the rules do not allow.

    >>> read("(;FF[4]GM[11]SZ[5]PB[Ann]PW[Bob]RE[W+Resign];B[c3];W[b4];B[resign])")[0].winner
    <Color.WHITE: 1>
    """
    games = []
    for number, (nodes, left_out) in enumerate(_main_lines(text), 1):
        try:
            games.append(_interpret(nodes, left_out))
        except (PositionError, IllegalMoveError) as error:
            raise type(error)(f"game {number} of the record: {error}") from None
    if not games:
        raise PositionError(f"{_shorten(text)} holds no game: an SGF record starts with '(;'")
    return games


def load(path: Path | str) -> list[Game]:
    """Return the games of a file, in the encoding that its ``CA`` names; without one in UTF-8, or else in Latin-1, the standard's own.

    Raises:
        OSError: no such file.
        PositionError: an encoding that is unknown or does not fit, and as `read`.
        IllegalMoveError: as `read`.
    """
    content = Path(path).read_bytes()
    named = re.search(rb"CA\s*\[([^\]\\]{1,40})\]", content)
    encoding = named[1].decode("latin-1").strip() if named else "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        if named:
            raise PositionError(f"{path} says CA[{encoding}], but that does not fit ({error}): save it as UTF-8") from None
        text = content.decode("latin-1")
    except (LookupError, ValueError):
        raise PositionError(f"{path} names the encoding CA[{encoding}], which is not known: save it as UTF-8") from None
    return read(text)


def _play(start: Board | None, moves: Sequence[int | str], size: int, swap: bool) -> Board:
    if start is None:
        return Board.from_moves(moves, size, swap)
    return Board.from_stones(start.stones, start.turn, moves)


_Node = dict[str, list[str]]


def _main_lines(text: str) -> Iterator[tuple[list[_Node], int]]:
    """Yield each game's nodes, first variations only, with the number of the others."""
    text = text.removeprefix("\ufeff")
    at, depth, skipped, left_out = 0, 0, 0, 0
    nodes: list[_Node] = []
    closed = False  # the main line has ended; what follows in this game are other variations
    key = ""
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if not text[at:].strip():
                break
            raise PositionError(f"the record cannot be read at character {at}, {_shorten(text[at:])}: this is no SGF")
        token, at = match[1], match.end()
        if token == "(":
            depth += 1
            skipped += closed
            left_out += closed
        elif token == ")":
            depth -= 1
            if depth < 0:
                raise PositionError(f"the record closes a game that it has not opened, at character {at - 1}")
            skipped -= skipped > 0
            closed = True
            if depth == 0:
                yield nodes, left_out
                nodes, closed, left_out = [], False, 0
        elif depth == 0:
            raise PositionError(f"the record has {token!r} outside a game, at character {match.start(1)}: a game starts with '(;'")
        elif skipped:
            continue
        elif token == ";":
            nodes.append({})
            key = ""
        elif token[0] != "[":
            key = "".join(letter for letter in token if letter.isupper())  # older files write long names with small letters
        elif not nodes or not key:
            raise PositionError(f"the record has the value {_shorten(token)} without a property, at character {match.start(1)}")
        else:
            nodes[-1].setdefault(key, []).append(_unescape(token[1:-1]))
    if depth:
        raise PositionError(f"the record ends within a game, after {_shorten(text[-20:])}: the file is cut off")


def _interpret(nodes: list[_Node], left_out: int) -> Game:
    root = nodes[0] if nodes else {}
    kind = root.get("GM", ["11"])[0].strip()
    if kind != "11":
        raise PositionError(f"GM[{kind}] is another game: Hex is GM[11]")
    size = _read_size(root)
    given = _list_moves(nodes)
    golem = any(_GOLEM_CELL.fullmatch(one.move) for one in given)
    if golem and given[0].color is Color.WHITE:
        given = [one._replace(color=one.color.other) for one in given]
    start = _read_start(nodes, size, given[0].color if given else None)
    moves, resigned, traded = _follow(given, start, golem, _is_old(root))
    result = root.get("RE", [""])[0]
    winner = None if traded else _read_result(result)  # after a trade RE may mean the stones or the player
    forfeited = bool(re.search(r"\+\s*[FT]", result, re.IGNORECASE)) if resigned is None else resigned.move == "forfeit"
    if resigned is not None:
        if winner is resigned.color:
            raise PositionError(f"the record says that {winner} has won, but {winner} resigns")
        winner = resigned.color.other
    black, white = (root.get(key, [""])[0] for key in (("PW", "PB") if traded else ("PB", "PW")))
    notes = [f"variations left out: {left_out}"] if left_out else []
    notes += [f"{traded.quoted}: the players trade colors, the stones stay"] if traded else []
    game = Game(size, moves, black, white, winner, root.get("C", root.get("GC", [""]))[0], start, notes=tuple(notes))
    return dataclasses.replace(game, forfeited=True) if forfeited and game.resigned else game


class _Given(NamedTuple):
    """A move as a file gives it."""

    color: Color
    move: str  # in small letters
    quoted: str  # the property as it was written


def _follow(given: list[_Given], start: Board | None, golem: bool, old: bool) -> tuple[list[str], _Given | None, _Given | None]:
    """Return the moves by our names, the one that gave up, if any, and the one by which the players traded sides, if any."""
    first = Color.BLACK if start is None else start.turn
    moves: list[str] = []
    resigned = traded = None
    for number, one in enumerate(given, 1):
        if resigned is not None:
            raise PositionError(f"{one.quoted}, move {number}, comes after {resigned.color} has resigned")
        if one.move in _GIVING_UP:
            resigned = one
        elif one.color != (first + len(moves)) % 2:
            rule = ", Black moves first" if start is None else ""
            raise PositionError(f"{one.quoted}, move {number}, is out of turn: it is {one.color.other}'s{rule}")
        elif one.move == "pass":
            raise PositionError(f"{one.quoted}, move {number}, cannot be read: Hex is played here without a pass")
        elif golem and one.move not in _SWAPS and not _GOLEM_CELL.fullmatch(one.move):
            raise PositionError(f"{one.quoted}, move {number}, cannot be read: the file names cells by two letters, as Little Golem does")
        elif one.move not in _SWAPS:
            moves.append(_name(one.move) if golem else one.move)
        elif start is not None or len(moves) != 1 or traded is not None:
            raise PositionError(f"{one.quoted}, move {number}, cannot be read: White may swap, as the second move of a game")
        elif golem or (one.move == SWAP_PIECES and not old and not _moves_again(given[number:])):
            moves.append(SWAP_PIECES)
        else:
            traded = one
    return moves, resigned, traded


def _is_old(root: _Node) -> bool:
    """Tell whether a file is HexGui's up to version 0.9."""
    return re.match(r"HexGui:0\.[0-9](?![0-9])", root.get("AP", [""])[0]) is not None


def _moves_again(following: list[_Given]) -> bool:
    """Tell whether White, who has just swapped, moves again."""
    return bool(following) and following[0].color is Color.WHITE and following[0].move not in _GIVING_UP


def _list_moves(nodes: list[_Node]) -> list[_Given]:
    return [
        _Given(color, value.strip().lower(), f"{_LETTERS[color]}[{value}]")
        for node in nodes
        for color in Color
        for value in node.get(_LETTERS[color], [])
    ]


def _read_start(nodes: list[_Node], size: int, first: Color | None) -> Board | None:
    """Return the position that is set up before the first move, or None where there is none."""
    moved = False
    stones: np.ndarray | None = None
    turn = None
    for node in nodes:
        setup = [key for key in _SETUP if key in node]
        moved = moved or "B" in node or "W" in node
        if setup and moved:
            quoted = f"{setup[0]}[{node[setup[0]][0]}]"
            raise PositionError(f"{quoted} sets up stones amid the moves: only those set up before the first move can be read")
        for key in setup:
            stones = np.zeros(size * size, np.uint8) if stones is None else stones
            for value in node[key]:
                stones[cell_index(value, size)] = ("AE", "AB", "AW").index(key)
        if "PL" in node and not moved:
            turn = _read_color(node["PL"][0])
    if stones is None:
        return _set_up(np.zeros(size * size, np.uint8), turn)
    ahead = np.count_nonzero(stones == 1) - np.count_nonzero(stones == 2)
    turn = first if turn is None else turn
    return _set_up(stones, Color.BLACK if turn is None and ahead not in (0, 1) else turn)


def _set_up(stones: np.ndarray, turn: Color | None) -> Board | None:
    """Return a position that a game starts from, or None for the one where every game starts."""
    board = Board.from_stones(stones, turn)
    return None if board == Board(board.size) else board


def _name(letters: str) -> str:
    """Return the name of a cell that Little Golem writes with two letters.

    >>> _name("ij")
    'i10'
    """
    return f"{letters[0]}{ord(letters[1]) - ord('a') + 1}"


def _read_color(given: str) -> Color | None:
    match = re.match(r"\s*([BW]|Black|White)\b", given, re.IGNORECASE)
    return None if match is None else Color(_LETTERS.index(match[1][0].upper()))


def _read_size(root: _Node) -> int:
    given = root.get("SZ", ["11"])[0].strip()
    match = re.fullmatch(r"(\d{1,3})(?::(\d{1,3}))?", given)
    if match is None or match[2] not in (None, match[1]):
        raise PositionError(f"SZ[{given}] is not supported: boards are square, from SZ[1] to SZ[{MAX_SIZE}]")
    return check_size(int(match[1]))


def _read_result(given: str) -> Color | None:
    return _read_color(given) if re.match(r"\s*\w+\s*(\+|$)", given) else None


def _escape(text: str) -> str:
    return re.sub(r"([\\\]\[:])", r"\\\1", text)


def _unescape(text: str) -> str:
    def read_escaped(match: re.Match[str]) -> str:
        return "" if match[1][0] in "\r\n" else match[1]  # a soft line break is no break

    return re.sub(r"\\(\r\n|\n\r|.)", read_escaped, text, flags=re.DOTALL).replace("\r\n", "\n").replace("\r", "\n")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:27] + "...")
