"""Matches: batched games are the games that two players would play alone, whatever is played beside them."""

import itertools

import numpy as np
import pytest

from hexlab import mcts
from hexlab.arena import (
    Match,
    Openings,
    RandomPlayer,
    SearchPlayer,
    SolverPlayer,
    all_openings,
    opening_name,
    openings,
    play_game,
    play_games,
    play_matches,
    play_pairing,
)
from hexlab.errors import ConfigError, IllegalMoveError, PositionError
from hexlab.pairings import mirror
from hexlab.records import Opening
from hexlab.rules import Board, Color
from hexlab.rules.solver import Solver


class Scripted:
    """Plays the first free cell of a list of names."""

    def __init__(self, name, order):
        self.name, self.order, self.batches = name, order.split(), []

    def choose_moves(self, boards, seeds):
        self.batches.append(len(boards))
        legal = boards.legal
        cells = [Board(boards.size).to_cell(name) for name in self.order]
        return np.array([next(cell for cell in cells if row[cell]) for row in legal], np.int64)


ROWS = "a1 b1 c1 a2 b2 c2 a3 b3 c3"
COLUMNS = "a1 a2 a3 b1 b2 b3 c1 c2 c3"


def play_slowly(first, second, drawn, seed):
    """The same match, one game at a time."""
    rows = []
    for name in drawn:
        one = play_game(first, second, drawn.size, name, seed)
        other = play_game(second, first, drawn.size, name, seed)
        won = int(one.winner == Color.BLACK), int(other.winner == Color.WHITE)
        stones = len(one.board.moves) + len(other.board.moves)
        rows.append(Opening(drawn.size, first.name, second.name, name, *won, stones))
    return rows


def test_planted_games_by_hand():
    """After b2 c3 one fills rows from the top, the other columns from the left; rows loses as Black and as White.

    rows is Black:   B B B       columns is Black:   B W W
                      W B .                           B B .
                       W W W                           B . W
    """
    rows, columns = Scripted("rows", ROWS), Scripted("columns", COLUMNS)
    (row,) = play_pairing(rows, columns, Openings(3, ["b2 c3"]), seed=0)
    game = play_game(rows, columns, 3, "b2 c3")
    assert game.board.moves == ("b2", "c3", "a1", "a2", "b1", "a3", "c1", "b3")
    other = play_game(columns, rows, 3, "b2 c3")
    assert other.board.moves == ("b2", "c3", "a1", "b1", "a2", "c1", "a3")
    assert row == Opening(3, "rows", "columns", "b2 c3", first_won_as_black=0, first_won_as_white=0, moves=15)


def test_all_games_of_a_player_are_asked_at_once():
    rows, columns = Scripted("rows", ROWS), Scripted("columns", COLUMNS)
    play_pairing(rows, columns, openings(3, 72, seed=0), seed=0)
    assert rows.batches[0] == columns.batches[0] == 72
    assert len(rows.batches) <= 7


def test_games_of_a_match_go_on_in_groups_and_are_those_played_one_by_one():
    drawn = openings(3, 70, seed=0)
    rows, columns = Scripted("rows", ROWS), Scripted("columns", COLUMNS)
    games = play_games(Match(rows, columns, drawn), seed=0)
    next(games)
    assert rows.batches[0] == columns.batches[0] == 32
    assert len(rows.batches) <= 7, "a game can be had before the other groups are played"
    assert len(list(games)) == 139

    random, other = RandomPlayer(), SearchPlayer(mcts.rollouts(games=1), 3)
    games = list(play_games(Match(random, other, drawn), seed=4))
    slowly = [play_game(*pair, 3, name, 4) for name in drawn for pair in ((random, other), (other, random))]
    assert [(game.board.moves, game.winner) for game in games] == [(game.board.moves, game.winner) for game in slowly]


@pytest.mark.parametrize("size", [2, 3, 4])
def test_batched_games_are_those_played_one_by_one(size):
    players = [
        RandomPlayer(),
        RandomPlayer("other random"),
        SolverPlayer(size),
        SearchPlayer(mcts.rollouts(games=2), 4),
        SearchPlayer(mcts.uniform(), 9, recipe=mcts.regularized(), name="regularized"),
    ]
    drawn = openings(size, 6, seed=1)
    matches = [Match(first, second, drawn) for first, second in itertools.combinations(players, 2)]
    together = play_matches(matches, seed=5)
    for match, rows in zip(matches, together, strict=True):
        assert rows == play_pairing(match.first, match.second, drawn, seed=5)
        assert rows == play_slowly(match.first, match.second, drawn, seed=5)
        assert [mirror(row) for row in rows] == play_pairing(match.second, match.first, drawn, seed=5)


def test_a_game_does_not_depend_on_the_games_beside_it():
    """The same openings, alone, in other company and in another order."""
    random, perfect = RandomPlayer(), SolverPlayer(3)
    drawn = openings(3, 20, seed=2)
    whole = {row.opening: row for row in play_pairing(random, perfect, drawn, seed=3)}
    for part in (drawn.names[:1], drawn.names[7:3:-1], drawn.names[::3]):
        crowd = [Match(RandomPlayer("stranger"), random, drawn), Match(random, perfect, Openings(3, part))]
        assert play_matches(crowd, seed=3)[1] == [whole[name] for name in part]


def test_seeds_change_random_games_and_nothing_else():
    drawn = openings(4, 30, seed=0)
    random, other = RandomPlayer(), RandomPlayer("other")
    assert play_pairing(random, other, drawn, seed=0) == play_pairing(random, other, drawn, seed=0)
    assert play_pairing(random, other, drawn, seed=0) != play_pairing(random, other, drawn, seed=1)
    weak, strong = SearchPlayer(mcts.uniform(), 2), SearchPlayer(mcts.rollouts(games=4), 16)
    assert play_pairing(weak, strong, drawn, seed=0) == play_pairing(weak, strong, drawn, seed=1)


def test_random_players_are_even_and_black_has_the_edge():
    drawn = openings(5, 300, seed=0, moves=0)
    assert drawn.names == ("",)
    drawn = openings(5, 600, seed=0, moves=2)
    rows = play_pairing(RandomPlayer("a"), RandomPlayer("b"), drawn, seed=0)
    as_black, as_white = sum(row.first_won_as_black for row in rows), sum(row.first_won_as_white for row in rows)
    assert 0.45 < (as_black + as_white) / 1200 < 0.55
    assert as_black > as_white


def test_perfect_play_wins_what_theory_gives_it():
    solver, drawn = Solver(3), openings(3, 72, seed=0)
    for row in play_pairing(SolverPlayer(3), RandomPlayer(), drawn, seed=0):
        winner = solver.solve(Board.from_moves(row.opening, size=3)).winner
        assert (row.first_won_as_black if winner == Color.BLACK else row.first_won_as_white) == 1
    for row in play_pairing(SolverPlayer(3), SolverPlayer(3, name="its equal"), drawn, seed=0):
        assert row.first_won_as_black + row.first_won_as_white == 1


@pytest.mark.parametrize(("size", "moves", "number"), [(1, 0, 1), (1, 1, 0), (1, 2, 0), (2, 2, 12), (3, 2, 72), (5, 1, 25)])
def test_all_openings_are_legal_and_leave_the_game_open(size, moves, number):
    every = all_openings(size, moves)
    assert len(set(every)) == len(every) == number
    for cells in every:
        board = Board.from_moves(opening_name(cells, size), size)
        assert board.winner is None
        assert len(board.moves) == moves


def test_openings_are_drawn_once_each_and_uniformly():
    drawn = openings(5, 50, seed=3)
    assert len(set(drawn)) == len(drawn) == 50
    assert openings(5, 20, seed=3).names == drawn.names[:20]
    assert openings(5, 50, seed=4).names != drawn.names
    assert set(openings(3, 1000, seed=0)) == {opening_name(cells, 3) for cells in all_openings(3)}
    counts = {}
    for seed in range(600):
        for name in openings(3, 12, seed):
            counts[name] = counts.get(name, 0) + 1
    assert len(counts) == 72
    assert 60 < min(counts.values()) <= max(counts.values()) < 140  # 100 each, give or take four deviations


def test_openings_of_ones_own():
    own = Openings(5, ["C3  b2", "", "a1"])
    assert own.names == ("c3 b2", "", "a1")
    assert "a1" in own
    assert own.keep(["a1", "c3 b2"]).names == ("c3 b2", "a1")
    for names, error, message in (
        (["c3 c3"], IllegalMoveError, "move 2"),
        (["z9"], IllegalMoveError, "'z9'"),
        (["c3 b2", "c3 B2"], PositionError, "'c3 b2' is there twice"),
        ("c3 b2", PositionError, "give a list of openings"),
        (["a1 b1 a2 b2 a3 b3 a4 b4 a5"], PositionError, "ends the game"),
    ):
        with pytest.raises(error, match=message):
            Openings(5, names)


def test_openings_of_different_lengths_play_together():
    own = Openings(3, ["", "b2", "a1 c3", "a1 b1 a2 c1"])
    rows = play_pairing(RandomPlayer(), SolverPlayer(3), own, seed=0)
    assert rows == play_slowly(RandomPlayer(), SolverPlayer(3), own, seed=0)


def test_bad_matches_are_refused():
    drawn = openings(3, 5, seed=0)
    with pytest.raises(ConfigError, match="both players are named 'random'"):
        play_pairing(RandomPlayer(), RandomPlayer(), drawn, seed=0)
    with pytest.raises(ConfigError, match="two players are named 'random'"):
        play_matches([Match(RandomPlayer(), SolverPlayer(3), drawn), Match(RandomPlayer(), SolverPlayer(3, "x"), drawn)], 0)
    random, other = RandomPlayer(), RandomPlayer("other")
    with pytest.raises(ConfigError, match="boards of sizes 3, 4"):
        play_matches([Match(random, other, drawn), Match(random, other, openings(4, 5, seed=0))], 0)
    with pytest.raises(ConfigError, match="openings of 3 moves are not offered"):
        openings(3, 5, seed=0, moves=3)
    with pytest.raises(ConfigError, match="0 openings: give a whole number from 1 up"):
        openings(3, 0, seed=0)
    with pytest.raises(PositionError, match="board size 20"):
        openings(20, 5, seed=0)
    assert play_matches([], seed=0) == []
    assert play_pairing(RandomPlayer(), SolverPlayer(1), openings(1, 5, seed=0), seed=0) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda boards: np.full(len(boards), 4), r"(?s)cheat chose the illegal cell 4 in this position:.*B"),
        (lambda boards: np.full(len(boards), -1), "illegal cell -1"),
        (lambda boards: np.zeros(1, np.int64), "for 2 boards: expected one cell for each board"),
        (lambda boards: np.zeros(len(boards)), "expected one cell for each board"),
    ],
)
def test_a_player_that_cheats_is_named(answer, message):
    class Cheat:
        name = "cheat"

        def choose_moves(self, boards, seeds):
            return answer(boards)

    with pytest.raises(IllegalMoveError, match=message):
        play_pairing(Cheat(), RandomPlayer(), Openings(3, ["b2", "b2 a1"]), seed=0)
