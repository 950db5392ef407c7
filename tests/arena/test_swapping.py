"""The swap rule in the arena: who opens how, and who swaps what."""

import io

import numpy as np
import pytest

from hexlab import mcts
from hexlab.arena import HumanPlayer, RandomPlayer, SearchPlayer, SolverPlayer, choose_move, play_game
from hexlab.protocols import Evaluation, Swapper
from hexlab.rules import Board, Color, solver


@pytest.mark.parametrize("size", [2, 3, 4])
def test_perfect_play_swaps_the_openings_that_win(size):
    player = SolverPlayer(size)
    for cell in range(size * size):
        board = Board.from_moves([cell], size, swap=True)
        assert player.wants_swap(board, seed=0) == (solver.solve(board).winner is Color.BLACK)


def test_search_swaps_where_it_sees_less_than_an_even_chance():
    player = SearchPlayer(mcts.solved(3), simulations=1)
    for cell in range(9):
        board = Board.from_moves([cell], 3, swap=True)
        move = choose_move(player, board, seed=0)
        assert (move == "swap-pieces") == (solver.solve(board).winner is Color.BLACK)
        assert choose_move(player, Board.from_moves([cell], 3), seed=0) != "swap-pieces"


def test_search_opens_where_the_game_is_most_even():
    def judge(boards):
        worth = np.linspace(0.9, -0.4, boards.size**2, dtype=np.float32)
        values = worth[boards.stones.argmax(axis=1)]
        return Evaluation(np.zeros(boards.cells.shape, np.float32), values)

    player = SearchPlayer(judge, simulations=1)
    assert player.choose_opening(5, seed=0) == np.abs(np.linspace(0.9, -0.4, 25)).argmin()
    assert choose_move(player, Board(5, swap=True), seed=0) == player.choose_opening(5, seed=0)
    assert SearchPlayer(mcts.uniform(), simulations=4).choose_opening(1, seed=0) == 0


def test_random_play_swaps_as_often_as_it_plays_a_cell():
    player = RandomPlayer()
    board = Board.from_moves("b2", 3, swap=True)
    moves = [choose_move(player, board, seed) for seed in range(900)]
    counts = np.array([moves.count(move) for move in ("swap-pieces", *(cell for cell in range(9) if cell != 4))])
    assert ((counts > 60) & (counts < 145)).all(), counts


def test_players_that_do_not_know_the_rule_play_as_without():
    class Plain:
        name = "plain"

        def choose_moves(self, boards, seeds):
            return boards.legal.argmax(axis=1)

    assert not isinstance(Plain(), Swapper)
    assert play_game(Plain(), RandomPlayer(), size=2, swap=True).board.moves[0] == "a1"
    assert choose_move(Plain(), Board.from_moves("a1", 2, swap=True), seed=0) == 1


def test_games_are_played_with_the_rule_only_if_asked_for():
    for swap in (False, True):
        game = play_game(RandomPlayer(), SolverPlayer(3), size=3, opening="b2", swap=swap)
        assert (game.board.moves[1] == "swap-pieces") == swap
        assert game.winner is (Color.WHITE if swap else game.board.winner)


@pytest.mark.parametrize("word", ["swap", "Swap-Pieces"])
def test_a_person_swaps(word):
    screen = io.StringIO()
    person = HumanPlayer(reader=io.StringIO(f"moves\n{word}\n"), writer=screen)
    assert person.ask(Board.from_moves("a3", 3, swap=True)) == "swap-pieces"
    assert "c3 swap-pieces\n" in screen.getvalue()
    person = HumanPlayer(reader=io.StringIO(f"{word}\nb2\n"), writer=screen)
    assert person.ask(Board.from_moves("a3", 3)) == 4
    assert "this game is played without the swap rule" in screen.getvalue()
