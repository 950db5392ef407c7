"""Players: each keeps the promises of the protocol, and does what it says."""

import io
import pickle
import threading

import numpy as np
import pytest

from hexlab import mcts
from hexlab.arena import (
    HumanPlayer,
    RandomPlayer,
    Resigned,
    SearchPlayer,
    SolverPlayer,
    TakenBack,
    check_player,
    play_game,
)
from hexlab.errors import ConfigError, HexlabError, IllegalMoveError, PositionError
from hexlab.rules import Board, Boards, Color
from hexlab.rules.draws import derive_seeds
from hexlab.rules.solver import Solver


class Person:
    """Both ends of a terminal: reads the board on the screen and types the name of its first free cell."""

    def write(self, text):
        if "joins" in text:
            self.board = Board.from_text(text)

    def flush(self):
        pass

    def readline(self):
        return f" {self.board.legal_moves[0].upper()} \n"


def make_human():
    person = Person()
    return HumanPlayer(reader=person, writer=person)


PLAYERS = {
    "random": RandomPlayer,
    "raw policy": lambda: SearchPlayer(mcts.rollouts(games=2), simulations=1),
    "search": lambda: SearchPlayer(mcts.rollouts(games=2), simulations=12),
    "regularized": lambda: SearchPlayer(mcts.uniform(), simulations=9, recipe=mcts.regularized()),
    "gumbel": lambda: SearchPlayer(mcts.rollouts(games=2), simulations=12, recipe=mcts.gumbel(prove=True)),
    "perfect": lambda: SolverPlayer(3),
    "human": make_human,
}


@pytest.mark.parametrize("make", PLAYERS.values(), ids=PLAYERS)
def test_every_player_keeps_its_promises(make):
    check_player(make(), size=3)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_other_sizes(size):
    check_player(RandomPlayer(), size=size)
    if size < 5:
        check_player(SolverPlayer(size), size=size)
        check_player(SearchPlayer(mcts.uniform(), simulations=4), size=size)


class Broken:
    """A player whose moves are made by a function of boards and seeds."""

    name = "broken"

    def __init__(self, choose):
        self.choose_moves = choose


def first_cells(boards):
    return boards.legal.argmax(axis=1)


def count_calls(boards, seeds, calls=[0]):  # noqa: B006 - the state is the point
    calls[0] += 1
    return boards.legal.argmax(axis=1) if calls[0] % 2 else boards.size**2 - 1 - boards.legal[:, ::-1].argmax(axis=1)


def spoil_boards(boards, seeds):
    moves = first_cells(boards)
    boards.cells[:, 0] = 1
    return moves


def spoil_seeds(boards, seeds):
    seeds[:] = 0
    return first_cells(boards)


def look_at_mates(boards, seeds):
    return first_cells(boards) if len(boards) > 1 else boards.size**2 - 1 - boards.legal[:, ::-1].argmax(axis=1)


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda boards, seeds: np.zeros(len(boards), np.int64), "broken chose the illegal cell 0 in this position"),
        (lambda boards, seeds: np.full(len(boards), 9), "illegal cell 9"),
        (lambda boards, seeds: first_cells(boards).tolist(), r"for 18 boards: expected int64\[18\]"),
        (lambda boards, seeds: first_cells(boards)[:1], r"expected int64\[18\]"),
        (lambda boards, seeds: first_cells(boards).astype(np.int32), r"expected int64\[18\]"),
        (spoil_boards, "changed the boards"),
        (spoil_seeds, "changed the seeds"),
        (count_calls, "chose other moves when it was asked again"),
        (look_at_mates, "chose other moves when it was asked alone"),
    ],
)
def test_broken_promises_are_named(choose, message):
    with pytest.raises(HexlabError, match=message):
        check_player(Broken(choose), size=3)


def test_things_that_are_no_players():
    with pytest.raises(HexlabError, match="is no player: it needs a name"):
        check_player("random", size=3)
    with pytest.raises(HexlabError, match="is no key: give some printable text"):
        check_player(RandomPlayer(name=""), size=3)


def test_random_play_is_uniform():
    boards = Boards.from_board(Board.from_moves("b2 a1", size=3), count=7000)
    moves = RandomPlayer().choose_moves(boards, derive_seeds(0, count=7000))
    counts = np.bincount(moves, minlength=9)
    assert counts[0] == counts[4] == 0
    assert counts[counts > 0].size == 7
    assert abs(counts[counts > 0] - 1000).max() < 150


def test_the_raw_policy_is_the_evaluators_favorite():
    """One simulation asks the evaluator once and plays its largest logit; equal logits give the lowest cell."""
    board = Board(size=3)
    planted = mcts.tabulated({board: ({"c2": 2.0, "b3": 2.0, "a1": -1.0}, 0.0)})
    player = SearchPlayer(planted, simulations=1)
    assert player.choose_moves(Boards.from_board(board), np.zeros(1, np.uint64)).tolist() == [board.to_cell("c2")]


def test_search_finds_a_win_in_one_move():
    board = Board.from_moves("b1 a1 b2 a3", size=3)  # Black needs b3
    player = SearchPlayer(mcts.rollouts(games=4), simulations=128)
    (move,) = player.choose_moves(Boards.from_board(board), np.zeros(1, np.uint64))
    board.push(int(move))
    assert board.winner == Color.BLACK


def test_a_searching_player_searches_each_position_once_and_ignores_seeds():
    seen = []

    def evaluate(boards):
        seen.append(len(boards))
        return mcts.uniform()(boards)

    player = SearchPlayer(evaluate, simulations=8, recipe=mcts.regularized())
    boards = Boards.empty(size=4, count=40).play(np.arange(40) % 4)
    moves = player.choose_moves(boards, derive_seeds(0, count=40))
    assert max(seen) == 4
    assert np.array_equal(moves, np.tile(moves[:4], 10))
    assert np.array_equal(moves, player.choose_moves(boards, derive_seeds(1, count=40)))


def test_large_batches_are_searched_in_parts(monkeypatch):
    boards = Boards.empty(size=4, count=200).play(np.arange(200) % 16)
    boards = boards.play([(move + 1 + i // 16) % 16 for i, move in enumerate(boards.cells.argmax(axis=1))])
    whole = SearchPlayer(mcts.rollouts(games=2), simulations=6).choose_moves(boards, np.zeros(200, np.uint64))
    monkeypatch.setattr("hexlab.arena.players._TREE_BYTES", 6 * 144 * 7)  # 7 boards at once
    parts = SearchPlayer(mcts.rollouts(games=2), simulations=6).choose_moves(boards, np.zeros(200, np.uint64))
    assert np.array_equal(whole, parts)


def test_names_and_settings():
    assert SearchPlayer(mcts.uniform(), 8).name == "search@8"
    assert SolverPlayer(4).name == "perfect-4"
    assert repr(SearchPlayer(mcts.uniform(), 8, name="x")).startswith("SearchPlayer(uniform(), 8, recipe=Recipe(name='puct'")
    for simulations in (0, 1.5, True):
        with pytest.raises(ConfigError, match="give a whole number from 1 up"):
            SearchPlayer(mcts.uniform(), simulations)
    with pytest.raises(PositionError, match="does not cover board size 7"):
        SolverPlayer(7)


@pytest.mark.parametrize("opening", ["", "b2", "a1", "c1 b2"])
def test_perfect_play_keeps_every_win_and_resists_otherwise(opening):
    """Every winning move is played sometimes and no other ever; in a lost position, the most stubborn moves."""
    board = Board.from_moves(opening, size=3)
    solver = Solver(3)
    boards = Boards.from_board(board, count=400)
    played = set(SolverPlayer(3).choose_moves(boards, derive_seeds(0, count=400)).tolist())
    winning = set(solver.solve(board).winning_moves)
    assert bool(winning) == (opening != "b2")
    assert played == (winning or set(np.flatnonzero(solver.stubborn_moves(boards[:1])[0]).tolist()))


def test_perfect_play_never_lets_a_win_go():
    solver, player = Solver(4), SolverPlayer(4)
    boards = Boards.empty(size=4, count=30).play(np.arange(30) % 16)
    won = solver.winning_moves(boards).any(axis=1)
    mine = np.where(won, boards.turn, 1 - boards.turn)  # White where it can win, else Black
    for ply in range(16):
        seeds = derive_seeds(0, ply, count=30)
        perfect = boards.turn == mine
        moves = np.full(30, -1)
        for who, rows in ((player, perfect), (RandomPlayer(), ~perfect)):
            rows = np.flatnonzero(rows & ~boards.finished)
            if len(rows):
                moves[rows] = who.choose_moves(boards[rows], seeds[rows])
        boards = boards.play(moves)
    assert np.array_equal(boards.winner, mine)


def test_perfect_players_work_in_threads_and_travel():
    player = SolverPlayer(3)
    boards, seeds = Boards.empty(size=3, count=50), derive_seeds(0, count=50)
    expected = player.choose_moves(boards, seeds)
    found = []
    thread = threading.Thread(target=lambda: found.append(player.choose_moves(boards, seeds)))
    thread.start()
    thread.join()
    copy = pickle.loads(pickle.dumps(player))
    assert copy.name == player.name
    for moves in (*found, copy.choose_moves(boards, seeds)):
        assert np.array_equal(moves, expected)
    with pytest.raises(PositionError, match="boards of size 4"):
        player.choose_moves(Boards.empty(size=4, count=1), seeds[:1])


def typed(*lines):
    screen = io.StringIO()
    return HumanPlayer(reader=io.StringIO("".join(f"{line}\n" for line in lines)), writer=screen), screen


def test_a_person_gets_explanations():
    player, screen = typed("", "z9", "b9", "b2", "center", "help", "moves", "C1")
    assert player.ask(Board.from_moves("b2", size=3)) == 2
    text = screen.getvalue()
    for part in (
        "White to move (help for help): ",
        "'z9' is not a cell: write a column letter and a row number",
        "cell 'b9' is off the board: a 3x3 board runs from a1 to c3",
        "cannot play 'b2': Black has a stone there",
        "'center' is not a cell",
        "undo (take back your last move and the reply)",
        "a1 b1 c1 a2 c2 a3 b3 c3",
    ):
        assert part in text


def test_a_person_may_take_back_or_resign():
    board = Board(size=3)
    with pytest.raises(TakenBack):
        typed("undo")[0].ask(board)
    for words in (["resign"], ["quit"], []):
        with pytest.raises(Resigned, match="Black resigns"):
            typed(*words)[0].ask(board)


class FirstCell:
    """Plays the first free cell."""

    name = "first"

    def choose_moves(self, boards, seeds):
        return first_cells(boards)


def test_a_whole_game_with_a_person():
    #                     refused  White a1  taken back  White a1
    player, screen = typed("undo", "b2", "undo", "b1", "b2", "b3")
    game = play_game(player, FirstCell(), size=3)
    assert game.board.moves == ("b1", "a1", "b2", "c1", "b3")
    assert (game.winner, game.resigned) == (Color.BLACK, False)
    text = screen.getvalue()
    assert "There is no move of yours to take back." in text
    assert text.count("first plays a1.") == 2
    assert "Black has won: b1 b2 b3." in text


def test_a_game_that_is_given_up():
    player, screen = typed("c3", "undo", "undo", "resign")
    game = play_game(FirstCell(), player, size=3, opening="b2")
    assert (game.winner, game.resigned, game.board.moves) == (Color.BLACK, True, ("b2",))
    assert "White resigns: Black wins." in screen.getvalue()


def test_a_player_that_cheats_in_a_game_is_named():
    with pytest.raises(IllegalMoveError, match="broken as White: cannot play 4: Black has a stone there"):
        play_game(FirstCell(), Broken(lambda boards, seeds: np.array([4])), size=3, opening="b2")
