r"""Game records in the Smart Game Format, in the dialect of HexGui and PlayHex.

A file holds any number of games, ``(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[5]PB[..]PW[..]RE[B+];B[c3];W[b4]..)``: Black moves first,
a cell is written by its name, giving up as the move ``resign``. Backslash, ``]``, ``[`` and ``:`` in text wear a backslash. Of a
game with variations the main line is read. Swaps, passes and stones that were set up are refused, as `Board` knows none of them.

Source: https://www.red-bean.com/sgf/ and the reader of HexGui.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules.board import Board, Color
from hexlab.rules.cells import MAX_SIZE, check_size

__all__ = ["Game", "read", "write"]

_LETTERS = "BW"
_TOKEN = re.compile(r"\s*([();]|[A-Za-z]+|\[(?:[^\]\\]|\\.)*\])", re.DOTALL)
_MOVES_REFUSED = ("swap-pieces", "swap-sides", "swap", "pass", "forfeit")
_SETUP = ("AB", "AW", "AE")


@dataclasses.dataclass(frozen=True)
class Game:
    """One recorded game.

    Attributes:
        size: board size n.
        moves: cell numbers in order of play, Black's first, as a tuple. Names, or one string of names, are turned into numbers.
        black: name of Black's player, "" where unknown.
        white: name of White's player.
        winner: who won, or None for a game that is not over. Left out, it follows from the moves.
        comment: free text about the game.

    Raises:
        IllegalMoveError: a move that the rules do not allow.
        PositionError: a winner whom the moves contradict, or a size that is not supported.

    >>> game = Game(3, "b2 a1 b1 c1 b3", black="net@64")
    >>> game.winner, game.resigned
    (<Color.BLACK: 0>, False)
    >>> Game(3, "b2 a1", winner=Color.BLACK).resigned
    True
    """

    size: int
    moves: Sequence[int | str]
    black: str = ""
    white: str = ""
    winner: Color | None = None
    comment: str = ""

    def __post_init__(self):
        """Play the moves, and settle the winner."""
        board = Board.from_moves(self.moves, check_size(self.size))
        if board.winner is not None and self.winner not in (None, board.winner):
            raise PositionError(f"the record says that {Color(self.winner)} has won, but by its moves {board.winner} has")
        winner = board.winner if self.winner is None else Color(self.winner)
        object.__setattr__(self, "moves", tuple(board.to_cell(move) for move in board.moves))
        object.__setattr__(self, "winner", winner)
        object.__setattr__(self, "black", " ".join(self.black.split()))
        object.__setattr__(self, "white", " ".join(self.white.split()))

    @property
    def resigned(self) -> bool:
        """Whether the loser gave up before the winner had joined its edges."""
        return self.winner is not None and self.board().winner is None

    def board(self) -> Board:
        """Return the last position, with its history."""
        return Board.from_moves(self.moves, self.size)


def write(game: Game) -> str:
    """Return a game as one line of SGF; equal games give equal text. Lines of several games make a file.

    >>> print(write(Game(3, "b2 a1 b1 c1 b3", black="net@64", white="random")), end="")
    (;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[3]PB[net@64]PW[random]RE[B+];B[b2];W[a1];B[b1];W[c1];B[b3])
    """
    board = game.board()
    resigned = game.winner is not None and board.winner is None
    head = ["FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]", f"SZ[{game.size}]"]
    head += [f"{key}[{_escape(text)}]" for key, text in (("PB", game.black), ("PW", game.white), ("C", game.comment)) if text]
    if game.winner is not None:
        head.append(f"RE[{_LETTERS[game.winner]}+{'Resign' if resigned else ''}]")
    nodes = [f";{_LETTERS[ply % 2]}[{name}]" for ply, name in enumerate(board.moves)]
    if game.winner is not None and resigned:
        nodes.append(f";{_LETTERS[game.winner.other]}[resign]")
    return f"(;{''.join(head)}{''.join(nodes)})\n"


def read(text: str) -> list[Game]:
    """Return the games of an SGF text.

    Raises:
        PositionError: text that is no SGF, another game than Hex, a board that is not square or not supported, a swap, a pass,
            stones that were set up, or a result that the moves contradict.
        IllegalMoveError: a move that the rules do not allow.

    >>> read("(;FF[4]GM[11]SZ[5]PB[Ann]PW[Bob]RE[W+Resign];B[c3];W[b4];B[resign])")[0].winner
    <Color.WHITE: 1>
    """
    games = []
    for number, nodes in enumerate(_main_lines(text), 1):
        try:
            games.append(_interpret(nodes))
        except (PositionError, IllegalMoveError) as error:
            raise type(error)(f"game {number} of the record: {error}") from None
    if not games:
        raise PositionError(f"{_shorten(text)} holds no game: an SGF record starts with '(;'")
    return games


_Node = dict[str, list[str]]


def _main_lines(text: str) -> Iterator[list[_Node]]:
    """Yield each game's nodes, first variations only."""
    text = text.removeprefix("\ufeff")
    at, depth, skipped = 0, 0, 0
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
        elif token == ")":
            depth -= 1
            if depth < 0:
                raise PositionError(f"the record closes a game that it has not opened, at character {at - 1}")
            skipped -= skipped > 0
            closed = True
            if depth == 0:
                yield nodes
                nodes, closed = [], False
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


def _interpret(nodes: list[_Node]) -> Game:
    root = nodes[0] if nodes else {}
    kind = root.get("GM", ["11"])[0].strip()
    if kind != "11":
        raise PositionError(f"GM[{kind}] is another game: Hex is GM[11]")
    moves: list[str] = []
    resigned: Color | None = None
    for node in nodes:
        setup = [key for key in _SETUP if key in node]
        if setup:
            raise PositionError(f"{setup[0]}[{node[setup[0]][0]}] sets up stones: only games from the empty board can be read")
        for color in Color:
            for value in node.get(_LETTERS[color], []):
                move = value.strip().lower()
                played = f"{_LETTERS[color]}[{value}], move {len(moves) + 1},"
                if resigned is not None:
                    raise PositionError(f"{played} comes after {resigned} has resigned")
                if move == "resign":
                    resigned = color
                elif move in _MOVES_REFUSED:
                    raise PositionError(f"{played} cannot be read: games with a swap, a pass or a forfeit are not supported")
                elif color != len(moves) % 2:
                    raise PositionError(f"{played} is out of turn: it is {color.other}'s, Black moves first")
                else:
                    moves.append(move)
    winner = _read_result(root.get("RE", [""])[0])
    if resigned is not None:
        if winner is resigned:
            raise PositionError(f"the record says that {winner} has won, but {resigned} resigns")
        winner = resigned.other
    comment = root.get("C", root.get("GC", [""]))[0]
    return Game(_read_size(root), moves, root.get("PB", [""])[0], root.get("PW", [""])[0], winner, comment)


def _read_size(root: _Node) -> int:
    given = root.get("SZ", ["11"])[0].strip()
    match = re.fullmatch(r"(\d{1,3})(?::(\d{1,3}))?", given)
    if match is None or match[2] not in (None, match[1]):
        raise PositionError(f"SZ[{given}] is not supported: boards are square, from SZ[1] to SZ[{MAX_SIZE}]")
    return check_size(int(match[1]))


def _read_result(given: str) -> Color | None:
    match = re.match(r"\s*([BW]|Black|White)\+", given, re.IGNORECASE)
    return None if match is None else Color(_LETTERS.index(match[1][0].upper()))


def _escape(text: str) -> str:
    return re.sub(r"([\\\]\[:])", r"\\\1", text)


def _unescape(text: str) -> str:
    text = re.sub(r"\\(?:\r\n|\n\r|\r|\n)", "", text)  # a soft line break is no break
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL).replace("\r\n", "\n").replace("\r", "\n")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:27] + "...")
