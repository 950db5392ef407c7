"""Evaluators without a network, and the suite that every evaluator should pass."""

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError, HexlabError, IllegalMoveError, PositionError
from hexlab.mcts.evaluators import hash_positions, random_positions
from hexlab.protocols import Evaluation, Evaluator
from hexlab.rules import Board, Boards
from hexlab.rules.solver import Solver

EVALUATORS = [
    mcts.uniform(),
    mcts.rollouts(games=5, seed=3),
    mcts.tabulated({Board(3): ({"b2": 2.0}, 0.5)}),
    mcts.tabulated(lambda board: (np.arange(9), -0.25)),
    mcts.solved(size=3),
    mcts.ablated(mcts.solved(size=3), keep="policy"),
    Planted(4),
]


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: type(evaluator).__name__)
def test_evaluators_keep_their_promises(evaluator):
    assert isinstance(evaluator, Evaluator)
    for seed in range(3):
        mcts.check_evaluator(evaluator, size=3, seed=seed)


def answers(boards):
    return np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32)


def changes_its_boards(boards):
    boards.turn[0] ^= 1
    return Evaluation(*answers(boards))


def answers_too_few(boards):
    return Evaluation(answers(boards)[0][1:], answers(boards)[1])


def answers_in_float64(boards):
    return Evaluation(answers(boards)[0].astype(np.float64), answers(boards)[1])


def answers_infinity(boards):
    return Evaluation(answers(boards)[0] - np.float32(np.inf), answers(boards)[1])


def exceeds_the_range(boards):
    return Evaluation(answers(boards)[0], answers(boards)[1] + np.float32(1.01))


def looks_at_the_row_number(boards):
    return Evaluation(answers(boards)[0], np.linspace(-1, 1, len(boards), dtype=np.float32))


def looks_at_the_number_of_rows(boards):
    return Evaluation(answers(boards)[0] + np.float32(len(boards)), answers(boards)[1])


class Remembers:
    calls = 0

    def __call__(self, boards):
        self.calls += 1
        return Evaluation(answers(boards)[0], answers(boards)[1] + np.float32(0.1 * self.calls))


@pytest.mark.parametrize(
    ("evaluator", "message"),
    [
        (changes_its_boards, "changed the turn of the boards"),
        (answers_too_few, r"logits of shape \(11, 9\) and values of shape \(12,\): expected \(12, 9\) and \(12,\)"),
        (answers_in_float64, "float64 logits and float32 values: expected float32"),
        (answers_infinity, "not finite"),
        (exceeds_the_range, r"values outside \[-1, 1\]"),
        (Remembers(), "other values when it was asked again"),
        (looks_at_the_row_number, "other values when it was asked in another order"),
        (looks_at_the_number_of_rows, "other logits when it was asked without the others"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_the_suite_catches_every_broken_promise(evaluator, message):
    with pytest.raises(HexlabError, match=message):
        mcts.check_evaluator(evaluator, size=3)


@pytest.mark.parametrize("mark", [-np.inf, np.nan, "row"])
def test_what_is_answered_on_occupied_cells_and_of_finished_games_means_nothing(mark):
    def marks(boards):
        logits, values = Planted(0)(boards)
        shown = np.float32(len(boards) if mark == "row" else mark)
        return Evaluation(np.where(boards.legal, logits, shown), np.where(boards.finished, shown, values))

    for seed in range(3):
        mcts.check_evaluator(marks, size=3, seed=seed)
    assert random_positions(3, 12).finished.any()


def test_the_suite_allows_a_tolerance():
    def shaky(boards):
        return Evaluation(answers(boards)[0] + np.float32(1e-7) * len(boards), answers(boards)[1])

    mcts.check_evaluator(shaky, size=3, tolerance=1e-5)
    with pytest.raises(HexlabError, match="other logits"):
        mcts.check_evaluator(shaky, size=3)


def test_rollouts_tell_the_chance_of_random_play():
    """On 2x2 after b1, White to move: of the three cells left, Black wins unless White gets both a1... and a2 or b2."""
    board = Board.from_moves("b1", size=2)
    outcomes = []
    for first in board.legal_moves:
        board.push(first)
        for second in board.legal_moves:
            board.push(second)
            outcomes.append(1 if board.winner == 1 else -1 if board.winner == 0 else 0)
            if board.winner is None:
                board.push(board.legal_moves[0])
                outcomes[-1] = 1 if board.winner == 1 else -1
                board.pop()
            board.pop()
        board.pop()
    values = mcts.rollouts(games=20000)(Boards.from_board(board)).values
    assert values[0] == pytest.approx(np.mean(outcomes), abs=0.03)


def test_rollouts_depend_on_position_and_seed_alone():
    boards = unfinished_positions(5, 12)
    first, again, other = (mcts.rollouts(games=9, seed=seed)(boards).values for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    with pytest.raises(ConfigError, match="games=0 a position: give a whole number from 1 up"):
        mcts.rollouts(games=0)


def test_rollouts_make_search_stronger():
    """64 simulations with rollouts find a winning opening of 3x3."""
    winning = Solver(3).solve(Board(3)).names
    for seed in range(5):
        assert mcts.search(Board(3), mcts.rollouts(games=16, seed=seed), 64).best in winning


def test_planted_answers_are_found_again():
    board = Board.from_moves("b2", size=3)
    evaluator = mcts.tabulated({board: (np.arange(9), -0.5), Board(3): ({"a1": 1.5, "c3": -1.0}, 0.25)})
    logits, values = evaluator(Boards.from_boards([Board(3), board, Board.from_moves("a1", size=3)]))
    assert logits.tolist() == [[1.5, 0, 0, 0, 0, 0, 0, 0, -1.0], list(range(9)), [0] * 9]
    assert values.tolist() == [0.25, -0.5, 0.0]
    with pytest.raises(IllegalMoveError, match="'d4' is off the board"):
        mcts.tabulated({Board(3): ({"d4": 1.0}, 0.0)})(Boards.empty(3, 1))


def test_theory_is_answered_from_the_movers_side():
    boards = Boards.from_boards([Board(3), Board.from_moves("b2", 3), Board.from_moves("a1", 3)])
    logits, values = mcts.solved(3)(boards)
    assert values.tolist() == [1.0, -1.0, 1.0]
    assert not logits[1].any()
    assert ((logits[0] == 0) == Solver(3).winning_moves(boards)[0]).all()
    with pytest.raises(PositionError, match="the solver does not cover board size 9"):
        mcts.solved(9)


def test_ablation_keeps_one_of_two_answers():
    boards = random_positions(4, 5)
    logits, values = Planted(4)(boards)
    policy, value = (mcts.ablated(Planted(4), keep) for keep in ("policy", "value"))
    assert (policy(boards).logits == logits).all()
    assert not policy(boards).values.any()
    assert (value(boards).values == values).all()
    assert not value(boards).logits.any()
    with pytest.raises(ConfigError, match="keep='both': choose 'policy' or 'value'"):
        mcts.ablated(Planted(4), "both")


def test_positions_hash_by_stones_and_turn():
    one = Boards.from_boards([Board.from_moves(moves, 3) for moves in ("b2 a1 c3", "c3 a1 b2", "b2", "a1")])
    hashes = hash_positions(one)
    assert hashes[0] == hashes[1]
    assert len(set(hashes.tolist())) == 3
    turned = Boards(3, one.cells, 1 - one.turn, one.winner)
    assert not (hash_positions(turned) == hashes).any()
    assert not (hash_positions(one, seed=1) == hashes).any()


def test_random_positions_come_after_more_and_more_moves():
    boards = random_positions(4, 9, seed=1)
    open_rows = ~boards.finished
    assert (boards.move_count[open_rows] == np.arange(9)[open_rows]).all()
    with pytest.raises(PositionError, match="0 positions: give a whole number from 1 up"):
        random_positions(4, 0)
