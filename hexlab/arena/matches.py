"""Games between agents, many at once.

The protocol is the same for all boards. A match of two agents is a number of openings, uniform legal moves from the
empty board, two by default; each is played twice, colors swapped, without noise. Openings are drawn without
replacement; where a board has fewer than wanted, each is played once, so a match never counts a game twice.

Deterministic players repeat themselves: with one opening and the same players there is one game, whatever the seed.
The number of different games of a match is therefore twice the number of its openings, and no more games can be had
from it.

The seed of each move comes by a stable hash from the seed of the match, the two agents, the opening, the color and
the ply. So the outcome of a game depends neither on the games beside it nor on their order, and ``a`` against ``b``
is ``b`` against ``a``.
"""

import dataclasses
import functools
import hashlib
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence

import numba
import numpy as np

from hexlab.arena.players import Forfeited, HumanPlayer, Resigned, TakenBack, choose_move
from hexlab.errors import ConfigError, IllegalMoveError, PositionError
from hexlab.protocols import Asked, Player
from hexlab.records import Opening
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board, Color
from hexlab.rules.cells import cell_index, cell_name, check_size
from hexlab.rules.draws import GOLDEN, derive_seeds, mix

__all__ = [
    "Game",
    "Match",
    "Openings",
    "all_openings",
    "opening_name",
    "openings",
    "play_game",
    "play_games",
    "play_matches",
    "play_pairing",
]

_GROUP = 32  # openings of `play_games` that go on together: enough for batches that use a network well, few enough to see games end


@dataclasses.dataclass(frozen=True)
class Openings(Sequence[str]):
    """Different openings of one board size; a sequence of texts such as ``"c3 b2"``.

    Args:
        size: board size.
        names: moves from the empty board, Black first, one text an opening; the empty text is the empty board.

    Raises:
        IllegalMoveError: a move that is not legal.
        PositionError: an opening that ends the game, or that is there twice.

    >>> Openings(5, ["c3", "C3 b2"]).names
    ('c3', 'c3 b2')
    """

    size: int
    names: tuple[str, ...]

    def __init__(self, size: int, names: Iterable[str]):
        """Check the openings and write them alike."""
        if isinstance(names, str):
            raise PositionError(f"{names!r} is one text: give a list of openings, such as [{names!r}]")
        checked = []
        for name in names:
            board = Board.from_moves(name, size)
            if board.outcome is not None:
                raise PositionError(f"the opening {name!r} ends the game on a {size}x{size} board: give one that leaves it open")
            checked.append(" ".join(board.moves))
        object.__setattr__(self, "size", check_size(size))
        object.__setattr__(self, "names", tuple(checked))
        if len(set(checked)) < len(checked):
            twice = next(name for name in checked if checked.count(name) > 1)
            raise PositionError(f"the opening {twice!r} is there twice: its games would be the same ones")

    def __len__(self) -> int:
        """Return the number of openings; a match has twice as many games."""
        return len(self.names)

    def __getitem__(self, index):
        """Return the text of an opening."""
        return self.names[index]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the texts."""
        return iter(self.names)

    def keep(self, names: Iterable[str]) -> "Openings":
        """Return those of the openings that are named, in their order."""
        wanted = set(names)
        return _trusted(self.size, tuple(name for name in self.names if name in wanted))


@dataclasses.dataclass(frozen=True)
class Match:
    """Two agents and the openings from which they play, each with both colors."""

    first: Player
    second: Player
    openings: Openings


class Stopped(Exception):
    """Matches were left before their end, as asked."""


@dataclasses.dataclass(frozen=True)
class Game:
    """One game that was played to its end.

    Attributes:
        board: the final position, with its moves.
        winner: the color that won.
        resigned: whether the other one gave up.
        forfeit: what a program did by which it lost the game, such as "crashed"; empty otherwise.
    """

    board: Board
    winner: Color
    resigned: bool = False
    forfeit: str = ""


def all_openings(size: int, moves: int = 2) -> list[tuple[int, ...]]:
    """Return all openings of so many moves that are legal and leave the game open, in the order of cells.

    Args:
        size: board size.
        moves: 0, 1 or 2.

    Returns:
        Cells of each opening: A * (A - 1) openings of two moves; none on 1x1, where the first move wins.

    >>> len(all_openings(3)), len(all_openings(5, moves=1)), all_openings(1)
    (72, 25, [])
    """
    return list(_list_openings(size, moves))


@functools.lru_cache(maxsize=8)
def _list_openings(size: int, moves: int) -> tuple[tuple[int, ...], ...]:
    check_size(size)
    if moves not in (0, 1, 2) or isinstance(moves, bool):
        raise ConfigError(f"openings of {moves!r} moves are not offered: choose 0, 1 or 2, or give your own")
    if size == 1 and moves > 0:
        return ()
    return tuple(itertools.permutations(range(size * size), moves))


def opening_name(cells: Iterable[int], size: int) -> str:
    """Return the text of an opening.

    >>> opening_name((12, 6), size=5)
    'c3 b2'
    """
    return " ".join(cell_name(cell, size) for cell in cells)


def openings(size: int, count: int, seed: int, moves: int = 2) -> Openings:
    """Draw openings without replacement; more than there are gives all of them, once each.

    Args:
        size: board size.
        count: how many are wanted.
        seed: any integer. A larger count with the same seed adds to a smaller one.
        moves: moves of an opening: 0, 1 or 2.

    >>> openings(5, 3, seed=0)[:2] == openings(5, 2, seed=0).names
    True
    >>> len(openings(3, 1000, seed=0))
    72
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ConfigError(f"{count!r} openings: give a whole number from 1 up")
    every = _list_openings(size, moves)
    order = derive_seeds(seed, size, moves, count=len(every)).argsort(kind="stable")[:count]
    return _trusted(size, tuple(opening_name(every[i], size) for i in order))


def play_pairing(first: Player, second: Player, openings: Openings, seed: int) -> list[Opening]:
    """Play a match: every opening with both colors, all games at once.

    Args:
        first: a player.
        second: another one, with another name.
        openings: where the games begin.
        seed: any integer.

    Returns:
        One row an opening, in their order.

    Raises:
        ConfigError: two players of one name.
        IllegalMoveError: a player chose an illegal move.

    >>> from hexlab.arena.players import RandomPlayer, SolverPlayer
    >>> rows = play_pairing(SolverPlayer(3), RandomPlayer(), openings(3, 20, seed=0), seed=0)
    >>> len(rows), sum(row.first_won_as_black + row.first_won_as_white for row in rows) > 30
    (20, True)
    """
    return play_matches([Match(first, second, openings)], seed)[0]


def play_matches(matches: Sequence[Match], seed: int) -> list[list[Opening]]:
    """Play many matches of one board size at once.

    All games go on move by move together, and each player is asked once a ply for all its games: an evaluator sees
    large batches, and `SearchPlayer` and the solver work on each position only once. The results are those of
    `play_pairing` one by one.

    Args:
        matches: the matches.
        seed: any integer.

    Returns:
        The rows of each match, one an opening.

    Raises:
        ConfigError: several board sizes, or two players of one name.
        IllegalMoveError: a player chose an illegal move.
    """
    return play_until(matches, seed, threading.Event())


def play_until(matches: Sequence[Match], seed: int, stop: threading.Event) -> list[list[Opening]]:
    """Play as `play_matches` does, or raise `Stopped` before the next ply, of a program the next game, once `stop` is set."""
    sizes = sorted({match.openings.size for match in matches})
    if len(sizes) > 1:
        raise ConfigError(f"matches on boards of sizes {', '.join(map(str, sizes))}: play one size at a time")
    players = _collect_players(matches)
    if not any(match.openings.names for match in matches):
        return [[] for _ in matches]
    if any(_plays_singly(match) for match in matches):
        others = iter(play_until([match for match in matches if not _plays_singly(match)], seed, stop))
        return [_play_rows(match, seed, stop) if _plays_singly(match) else next(others) for match in matches]
    winners, moves = _play_together(matches, players, seed, stop)
    counts = (moves >= 0).sum(axis=1)
    results, game = [], 0
    for match in matches:
        rows = []
        for name in match.openings.names:
            as_black, as_white = int(winners[game] == 0), int(winners[game + 1] == 1)
            stones = int(counts[game] + counts[game + 1])
            rows.append(Opening(sizes[0], match.first.name, match.second.name, name, as_black, as_white, stones))
            game += 2
        results.append(rows)
    return results


def play_games(match: Match, seed: int, swap: bool = False) -> Iterator[Game]:
    """Play a match and hand over its games, those of programs, of people and by the swap rule one after the other, others in groups.

    The games are those of `play_game`, and their results those of `play_pairing`. In groups a network sees large batches.

    Args:
        match: two players and their openings.
        seed: any integer.
        swap: whether the second move may be ``swap-pieces``; openings of one move leave it to the players.

    Yields:
        For each opening the game with `match.first` as Black, then the one with `match.second` as Black.

    Raises:
        ConfigError: two players of one name, or a program that cannot be started or does not play the size.
        IllegalMoveError: a player that is no program chose an illegal move.

    >>> from hexlab.arena.players import RandomPlayer, SolverPlayer
    >>> games = list(play_games(Match(SolverPlayer(3), RandomPlayer(), Openings(3, ["b2"])), seed=0))
    >>> [game.winner.name for game in games]
    ['BLACK', 'WHITE']
    """
    players = _collect_players([match])
    size, names = match.openings.size, match.openings.names
    if swap or _plays_singly(match):
        for name in names:
            for black, white in ((match.first, match.second), (match.second, match.first)):
                yield play_game(black, white, size, name, seed, swap)
        return
    for start in range(0, len(names), _GROUP):
        group = dataclasses.replace(match, openings=_trusted(size, names[start : start + _GROUP]))
        winners, played = _play_together([group], players, seed, threading.Event())
        for winner, moves in zip(winners, played, strict=True):
            yield Game(Board.from_moves(moves[moves >= 0].tolist(), size), Color(winner))


def play_game(black: Player, white: Player, size: int, opening: str = "", seed: int = 0, swap: bool = False) -> Game:
    """Play one game move by move; a person may take back and resign, a program resign and forfeit.

    Args:
        black: plays Black.
        white: plays White.
        size: board size.
        opening: moves from the empty board that are made already.
        seed: any integer; a game of a match with the same seed is the same one.
        swap: whether White may answer Black's first move by ``swap-pieces``; see `hexlab.protocols.Swapper`.

    Returns:
        The game.

    Raises:
        IllegalMoveError: the opening or a player's move is not legal.

    >>> from hexlab.arena.players import RandomPlayer
    >>> game = play_game(RandomPlayer("one"), RandomPlayer("two"), size=3, opening="b2")
    >>> game.board.moves[0], game.board.winner is game.winner
    ('b2', True)
    """
    board = Board.from_moves(opening, size, swap)
    given = len(board.moves)
    base = _hash_game(seed, size, black.name, white.name, " ".join(board.moves))
    humans = [player for player in (black, white) if isinstance(player, HumanPlayer)]

    def tell(text: str) -> None:
        for human in humans:
            human.tell(text)

    while board.winner is None:
        player = black if board.turn == Color.BLACK else white
        try:
            seeds = _ply_seeds(np.array([base], np.uint64), np.array([len(board.moves)]))
            move = choose_move(player, board, int(seeds[0]))
            if player not in humans:
                tell(f"{player.name} plays {move if isinstance(move, str) else cell_name(move, size)}.\n")
            board.push(move)
        except IllegalMoveError as error:
            raise IllegalMoveError(f"{player.name} as {board.turn}: {error}") from error
        except TakenBack:
            if len(board.moves) < given + 2:
                tell("There is no move of yours to take back.\n")
            else:
                board.pop()
                board.pop()
        except Resigned:
            tell(f"{board.turn} resigns: {board.turn.other} wins.\n")
            return Game(board, board.turn.other, resigned=True)
        except Forfeited as error:
            tell(f"{player.name} {error}\n{board.turn.other} wins.\n")
            return Game(board, board.turn.other, forfeit=str(error))
    tell(f"\n{board}\n")
    return Game(board, board.winner)


def _plays_singly(match: Match) -> bool:
    return isinstance(match.first, Asked) or isinstance(match.second, Asked)


def _play_rows(match: Match, seed: int, stop: threading.Event) -> list[Opening]:
    """Return the rows of a match that is played one game after the other."""
    rows, games = [], play_games(match, seed)
    for name in match.openings.names:
        if stop.is_set():
            raise Stopped
        first, second = next(games), next(games)
        stones = len(first.board.moves) + len(second.board.moves)
        as_black, as_white = int(first.winner is Color.BLACK), int(second.winner is Color.WHITE)
        rows.append(Opening(match.openings.size, match.first.name, match.second.name, name, as_black, as_white, stones))
    return rows


def _trusted(size: int, names: tuple[str, ...]) -> Openings:
    made = object.__new__(Openings)
    object.__setattr__(made, "size", size)
    object.__setattr__(made, "names", names)
    return made


def _collect_players(matches: Sequence[Match]) -> dict[str, Player]:
    players: dict[str, Player] = {}
    for match in matches:
        if match.first.name == match.second.name:
            raise ConfigError(f"both players are named {match.first.name!r}: a name is a player's key; name them differently")
        for player in (match.first, match.second):
            if players.setdefault(player.name, player) is not player:
                raise ConfigError(f"two players are named {player.name!r}: a name is a player's key; name them differently")
    return players


def _hash_game(seed: int, size: int, black: str, white: str, opening: str) -> int:
    key = f"{seed}\n{size}\n{black}\n{white}\n{opening}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


def _set_up(size: int, starts: list[str]) -> tuple[Boards, np.ndarray]:
    """Return the positions in which games start and int16[G, A], the moves that led there."""
    distinct = {name: i for i, name in enumerate(dict.fromkeys(starts))}
    boards = [Board.from_moves(name, size) for name in distinct]
    moves = np.full((len(boards), size * size), -1, np.int16)
    for row, board in zip(moves, boards, strict=True):
        row[: len(board.moves)] = [cell_index(move, size) for move in board.moves]
    rows = np.array([distinct[name] for name in starts])
    return Boards.from_boards(boards)[rows], moves[rows]


def _play_together(matches: Sequence[Match], players: dict[str, Player], seed: int, stop: threading.Event):
    """Play all games of matches to their ends, one ply at a time; return (winners int8[G], moves int16[G, A], -1 after the last).

    Games lie as their openings do, the one with the first player as Black before the other.
    """
    place = {name: i for i, name in enumerate(players)}
    size = matches[0].openings.size
    pairs, starts, bases = [], [], []
    for match in matches:
        for name in match.openings.names:
            for black, white in ((match.first.name, match.second.name), (match.second.name, match.first.name)):
                pairs.append((place[black], place[white]))
                starts.append(name)
                bases.append(_hash_game(seed, size, black, white, name))
    boards, moves = _set_up(size, starts)
    return _play_out(boards, moves, np.array(pairs), list(players.values()), np.array(bases, np.uint64), stop), moves


def _play_out(boards: Boards, moves: np.ndarray, pairs: np.ndarray, players: list[Player], bases: np.ndarray, stop: threading.Event):
    """Play all games to their ends, one ply at a time.

    Args:
        boards: G unfinished positions.
        moves: int16[G, A], the moves that led there; those that are made are written behind them.
        pairs: int64[G, 2], places of the players of Black and White.
        players: by place.
        bases: uint64[G], the seed of each game.
        stop: set from another thread to leave with `Stopped`.

    Returns:
        int8[G], the winners.
    """
    winners = np.empty(len(boards), np.int8)
    games = np.arange(len(boards))
    while len(games):
        if stop.is_set():
            raise Stopped
        plies = boards.move_count
        seeds = _ply_seeds(bases[games], plies)
        movers = pairs[games, boards.turn]
        played = np.empty(len(games), np.int64)
        order = movers.argsort(kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(movers[order])) + 1):
            player = players[movers[rows[0]]]
            positions = boards[rows]
            chosen = np.asarray(player.choose_moves(positions, seeds[rows]))
            _check_legal(player, positions, chosen)
            played[rows] = chosen
        moves[games, plies] = played
        boards = boards.play(played)
        over = boards.finished
        winners[games[over]] = boards.winner[over]
        games, boards = games[~over], boards[~over]
    return winners


def _check_legal(player: Player, boards: Boards, moves: np.ndarray) -> None:
    if moves.shape != (len(boards),) or moves.dtype.kind != "i":
        raise IllegalMoveError(f"{player.name} answered {moves!r} for {len(boards)} boards: expected one cell for each board")
    inside = (moves >= 0) & (moves < boards.size**2)
    legal = inside & boards.legal[np.arange(len(boards)), np.where(inside, moves, 0)]
    if not legal.all():
        row = int(np.flatnonzero(~legal)[0])
        raise IllegalMoveError(f"{player.name} chose the illegal cell {moves[row]} in this position:\n{boards.board(row)}")


@numba.njit(cache=True, nogil=True)
def _ply_seeds(bases, plies):
    seeds = np.empty_like(bases)
    for game in range(len(bases)):
        seeds[game] = mix(bases[game] + GOLDEN * np.uint64(plies[game] + 1))
    return seeds
