"""The page's server: every address, what it answers, and what it refuses."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")
pytest.importorskip("httpx", reason="the tests of the page need the dev extra")

from web_client import TOKEN, Page, read_events, serve, write_run

from hexlab import mcts
from hexlab.app import lessons
from hexlab.app.web import games, learning
from hexlab.app.web.agents import Agents
from hexlab.app.web.lines import Line
from hexlab.app.web.positions import read_position
from hexlab.app.web.safety import MOST_BYTES, Gate
from hexlab.app.web.searching import RECIPE, Searches
from hexlab.app.web.server import name_host
from hexlab.app.web.solving import Truths
from hexlab.app.web.stepping import trace_phases
from hexlab.errors import CheckpointError, IllegalMoveError, PositionError
from hexlab.rules import Board, Boards, Color, solver


@pytest.fixture(scope="module")
def page(runs):
    with serve(runs) as address, Page(address) as page:
        yield page


# Games


def test_a_whole_game_ends_with_a_winner_and_a_path(page):
    game = page.start(size=3, color="black", agent="perfect", simulations=1)
    assert game["turn"] == "black"
    assert game["people"] == ["black"]
    while not game["winner"]:
        assert game["turn"] == "black", "the agent has answered"
        game = page.play(game, solver.solve(Board.from_moves(game["moves"], size=3)).names[0])
    assert game["winner"] == "black", "perfect play from the empty board wins for Black"
    assert game["path"]
    assert page.post(f"/api/games/{game['id']}/moves", {"move": "a1"}).status_code == 409
    assert page.get(f"/api/games/{game['id']}").json() == game


def test_a_move_is_answered_by_the_game_then_thoughts_then_the_game(page):
    game = page.start(simulations=128)
    told = page.events(f"/api/games/{game['id']}/moves", {"move": "b2"})
    assert [event for event, _ in told][0::len(told) - 1] == ["game", "game"]
    assert told[0][1]["pending"]
    assert told[0][1]["moves"] == ["b2"]
    thoughts = [data for event, data in told if event == "thinking"]
    assert thoughts[-1]["simulations"] == 128 or thoughts[-1]["proven"]
    assert thoughts[-1]["turn"] == "white"
    after = told[-1][1]
    assert not after["pending"]
    assert after["moves"] == ["b2", thoughts[-1]["best"]]
    assert after["last"] == thoughts[-1]["best"]
    assert after["black_wins"][1] == thoughts[-1]["black_win"]
    assert len(after["black_wins"]) == 3


def test_an_agent_that_moves_first_does_so_by_itself(page):
    game = page.start(color="white")
    assert game["pending"] or game["moves"]
    told = page.events(f"/api/games/{game['id']}/stream")
    assert told[-1][0] == "game"
    assert told[-1][1]["turn"] == "white"
    assert len(told[-1][1]["moves"]) == 1


def test_both_sides_can_be_played_by_people(page):
    game = page.start(color="both")
    for move in ("b2", "c3", "a1"):
        game = page.play(game, move)
    assert game["moves"] == ["b2", "c3", "a1"]
    assert game["turn"] == "white"
    assert page.post(f"/api/games/{game['id']}/undo").json()["moves"] == ["b2", "c3"]
    assert page.post(f"/api/games/{game['id']}/resign").json()["resigned"] == "black"


def test_undo_takes_the_agents_move_and_the_persons_back(page):
    game = page.play(page.start(), "b2")
    back = page.post(f"/api/games/{game['id']}/undo").json()
    assert back["moves"] == []
    assert back["turn"] == "black"
    assert page.post(f"/api/games/{game['id']}/undo").status_code == 400
    again = page.play(back, "b2")
    assert again["moves"] == game["moves"], "the same position gets the same answer"


def test_a_resignation_ends_the_game_and_can_be_taken_back(page):
    game = page.play(page.start(), "b2")
    over = page.post(f"/api/games/{game['id']}/resign").json()
    assert (over["winner"], over["resigned"]) == ("white", "black")
    assert page.post(f"/api/games/{game['id']}/resign").status_code == 409
    assert page.post(f"/api/games/{game['id']}/analysis").status_code == 409
    again = page.post(f"/api/games/{game['id']}/undo").json()
    assert (again["winner"], again["moves"]) == (None, game["moves"])


def test_while_the_agent_thinks_the_game_waits_and_undo_stops_it(page):
    game = page.start(size=11, simulations=4096)
    with page.http.stream("POST", f"/api/games/{game['id']}/moves", json={"move": "f6"}) as answer:
        for text in answer.iter_text():
            if "thinking" in text:
                break
        assert page.post(f"/api/games/{game['id']}/moves", {"move": "a1"}).status_code == 409
        assert page.post(f"/api/games/{game['id']}/steps").status_code == 409
        assert page.get(f"/api/games/{game['id']}").json()["pending"]
        stopped = page.post(f"/api/games/{game['id']}/undo").json()
    assert (stopped["pending"], stopped["moves"]) == (False, [])


def test_the_swap_rule(page):
    game = page.start(size=5, swap=True, agent="perfect", simulations=1)
    assert not game["can_swap"]
    game = page.play(game, "c3")
    assert game["moves"] == ["c3", "swap-pieces"], "c3 wins, so White takes it"
    assert game["stones"][12] == "W"
    game = page.start(size=5, swap=True, color="white", agent="perfect", simulations=1)
    game = page.events(f"/api/games/{game['id']}/stream")[-1][1]
    assert game["can_swap"]
    game = page.play(game, "swap-pieces")
    assert game["moves"][1] == "swap-pieces"
    assert len(game["moves"]) == 3, "the agent has answered"
    assert page.post(f"/api/games/{game['id']}/moves", {"move": "swap-pieces"}).status_code == 400


@pytest.mark.parametrize(
    ("text", "stones"),
    [
        ("b2 a1", "W...B...."),
        ("https://hexworld.org/board/#3c1,b2a1", "W...B...."),
        ("(;FF[4]GM[11]SZ[3];B[b2];W[a1])", "W...B...."),
        ("W . . / . B . / . . .", "W...B...."),
        ("b2\na1", "W...B...."),
        ("b2,\r\n\r\n a1\r\n", "W...B...."),
        ("W..\n.B.\n...", "W...B...."),
        (str(Board.from_moves("b2 a1", size=3)), "W...B...."),
    ],
)
def test_games_start_from_positions_in_every_form(page, text, stones):
    game = page.start(size=3, start=text)
    assert game["stones"] == stones
    assert game["turn"] == "black"


@pytest.mark.parametrize(
    ("text", "board"),
    [
        ("B2\nE9", IllegalMoveError("move 2: cell 'E9' is off the board")),
        ("B2\nW1", IllegalMoveError("move 2: 'W1' is not a cell")),
        ("b1\nb2\nB1", IllegalMoveError("move 3: cannot play 'B1'")),
        ("c3\nb4\nBW", IllegalMoveError("move 3: 'BW' is not a cell")),
        ("BW\nWB", Board.from_text("BW / WB")),
        ("[B] W\n W B", Board.from_text("BW / WB")),
        ("B", Board.from_text("B")),
        ("BW\nW", PositionError("row 2 of the board, 'W', has 1 cells")),
        (" \n ", Board(5)),
    ],
)
def test_text_is_a_drawing_where_it_has_an_empty_cell_a_slash_or_stones_alone(text, board):
    if isinstance(board, Board):
        assert read_position(text, 5) == board
    else:
        with pytest.raises(type(board), match=re.escape(str(board))):
            read_position(text, 5)


def test_games_are_exported(page):
    game = page.start(size=3, start="b2 a1", color="both")
    record = page.get(f"/api/games/{game['id']}/game.sgf")
    assert record.headers["content-disposition"] == 'attachment; filename="hex.sgf"'
    assert "SZ[3]" in record.text
    assert read_position(record.text, 5) == Board.from_moves("b2 a1", size=3)
    link = page.get(f"/api/games/{game['id']}/link").json()["link"]
    assert link == "https://hexworld.org/board/#3c1,b2a1"
    picture = page.get(f"/api/games/{game['id']}/board.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg")
    drawn = page.start(size=3, start="W . . / . B . / . . .", color="both")
    assert "AB[b2]AW[a1]" in page.get(f"/api/games/{drawn['id']}/game.sgf").text


def test_the_analysis_is_that_of_a_plain_search(page):
    game = page.start(size=4, start="b2 c3")
    (told,) = [data for event, data in page.events(f"/api/games/{game['id']}/analysis", {"simulations": 50}) if event == "thinking"]
    board = Board.from_moves("b2 c3", size=4)
    found = mcts.search(board, mcts.rollouts(games=16), 50, recipe=RECIPE)
    assert told["best"] == found.best
    assert told["black_win"] == pytest.approx((1 + found.value) / 2, abs=1e-4)
    assert {name: told["visits"][board.to_cell(name)] for name in found.visits} == found.visits
    assert sum(told["visits"]) == 49
    assert told["line"][0] == found.best
    tried = {child.move: (1 + child.value) / 2 for child in found.tree.children()}
    for name in board.legal_moves:
        assert told["wins"][board.to_cell(name)] == (pytest.approx(tried[name], abs=1e-4) if name in tried else None)
    assert told["prior"][board.to_cell("a1")] == pytest.approx(1 / 14, abs=1e-4)
    assert told["prior"][board.to_cell("b2")] == 0
    assert page.get(f"/api/games/{game['id']}").json()["black_wins"][2] == told["black_win"]


def test_a_new_analysis_ends_the_one_before(page):
    game = page.start(size=13)
    with page.http.stream("POST", f"/api/games/{game['id']}/analysis", json={"simulations": 4096}) as answer:
        parts = answer.iter_text()
        assert "thinking" in next(parts)
        newer = page.events(f"/api/games/{game['id']}/analysis", {"simulations": 10})
        older = read_events("".join(parts))
    assert newer[0][1]["simulations"] == 10
    assert all(data["simulations"] < 4096 for event, data in older if event == "thinking")


def test_what_goes_wrong_inside_ends_a_stream_with_a_sentence(page, monkeypatch, caplog):
    game = page.start(color="both")

    def fail(*asked):
        raise ValueError("a bug")

    monkeypatch.setattr(Agents, "load", fail)
    ((event, data),) = page.events(f"/api/games/{game['id']}/analysis", {})
    assert (event, data["error"]) == ("problem", "the server failed (ValueError): its log says more")
    assert "a bug" in caplog.text
    game = page.events(f"/api/games/{page.start(color='white')['id']}/stream")[-1][1]
    assert game["problem"] == "the agent failed (ValueError): the server's log says more"
    assert not game["pending"]


def test_the_truth_is_the_solvers(page):
    game = page.start(size=3)
    event, truth = page.events(f"/api/games/{game['id']}/truth", {})[-1]
    assert event == "truth"
    assert (truth["winner"], truth["winning_moves"]) == ("black", ["c1", "a2", "b2", "c2", "a3"])
    assert truth["losing_moves"] == ["a1", "b1", "b3", "c3"]
    lost = page.start(size=3, start="b2", color="both")
    _, truth = page.events(f"/api/games/{lost['id']}/truth", {})[-1]
    assert (truth["winner"], truth["winning_moves"], len(truth["losing_moves"])) == ("black", [], 8)
    large = page.start(size=7)
    refused = page.post(f"/api/games/{large['id']}/truth")
    assert refused.status_code == 400
    assert "7×7 is not solved here" in refused.json()["error"]


def test_a_truth_that_nobody_waits_for_is_given_up():
    proven = []

    class Watched(Truths):
        def _prove(self, board, cell):
            proven.append((board.size, cell))
            return super()._prove(board, cell)

    async def ask():
        truths, board = Watched(), Board.from_moves("f6 c3", size=6)
        early = truths.solve(board)
        waiting = asyncio.create_task(anext(early))
        while not proven:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(anext(truths.solve(board))) for _ in range(5)]
        await asyncio.sleep(0)
        for task in (waiting, *others):
            task.cancel()
        await asyncio.gather(waiting, *others, return_exceptions=True)
        small = [truth async for truth in truths.solve(Board.from_moves("b2", size=3))]
        truths.close()
        return small[-1]

    assert asyncio.run(ask()).winner is Color.BLACK
    assert [size for size, _ in proven] == [6] + [3] * 8, "one proof of the abandoned position ends, no other begins"


def test_who_closes_the_page_ends_its_solution(page, monkeypatch):
    proven = []

    def prove(self, board, cell):
        time.sleep(0.05)
        proven.append(cell)
        return False

    monkeypatch.setattr(Truths, "_prove", prove)
    game = page.start(size=6, color="both")
    with page.http.stream("POST", f"/api/games/{game['id']}/truth", json={}) as answer:
        assert '"winner":null' in next(answer.iter_text())
    time.sleep(0.5)
    count = len(proven)
    time.sleep(0.3)
    assert len(proven) == count < 30


def test_a_line_is_bounded():
    async def ask():
        line = Line("the solver")
        answers = await asyncio.gather(*(line.do(str, number) for number in range(17)), return_exceptions=True)
        line.close()
        return answers

    *answered, refused = asyncio.run(ask())
    assert answered == [str(number) for number in range(16)]
    assert str(refused) == "16 others wait for the solver: try again in a few seconds"


def test_truths_take_turns():
    ended = []

    async def solve(truths, name, board):
        async for _ in truths.solve(board):
            pass
        ended.append(name)

    async def ask():
        truths = Truths()
        await asyncio.gather(solve(truths, "long", Board(5)), solve(truths, "short", Board.from_moves("b2 a1 b1", size=3)))
        truths.close()

    asyncio.run(ask())
    assert ended == ["short", "long"]


def test_games_are_bounded_and_the_one_left_alone_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(games, "MOST_GAMES", 3)
    with serve(tmp_path) as address, Page(address) as page:
        kept = [page.start()["id"] for _ in range(3)]
        page.get(f"/api/games/{kept[0]}")
        page.start()
        assert page.get(f"/api/games/{kept[0]}").status_code == 200, "it was looked at last"
        assert page.get(f"/api/games/{kept[1]}").status_code == 404


# The stepper


def test_steps_end_in_the_tree_of_the_search(page):
    game = page.start(size=4, start="b2 c3")
    steps = page.post(f"/api/games/{game['id']}/steps", {"simulations": 30}).json()["steps"]
    board = Board.from_moves("b2 c3", size=4)
    found = mcts.search(board, mcts.rollouts(games=16), 30, recipe=RECIPE)
    counted: dict[str, int] = {}
    for step in steps[1:]:
        counted[step["path"][0]] = counted.get(step["path"][0], 0) + 1
    assert counted == found.visits
    assert steps[0]["path"] == []
    assert steps[-1]["backed_up"][-1]["visits"] == 30
    assert steps[-1]["backed_up"][-1]["value"] == pytest.approx(found.value, abs=1e-3)


def test_the_stepper_shows_the_search_that_lesson_2_works_out_by_hand():
    by_hand = mcts.trace(Board(2), lessons.fixed_judge(), simulations=8)
    assert [tuple(step["path"]) for step in trace_phases(Board(2), lessons.fixed_judge(), 8)] == [step.path for step in by_hand]


def test_every_choice_of_a_step_has_the_largest_sum():
    for step in trace_phases(Board.from_moves("b2 c3", size=4), mcts.rollouts(games=4), 60):
        assert [choices[0]["move"] for choices in step["choices"]] == step["path"]
        for choices in step["choices"]:
            assert max(row["q"] + row["u"] for row in choices) == pytest.approx(choices[0]["q"] + choices[0]["u"], abs=2e-4)


def test_steps_stop_at_a_proof():
    board = Board.from_moves("b1 a1", size=2)  # Black wins at once by either cell below
    steps = trace_phases(board, mcts.uniform(), 50)
    assert len(steps) < 50
    assert steps[-1]["over"] == "black"
    assert steps[-1]["backed_up"][-1]["status"] == 1


# Searches side by side


def run_searches(searches, asked):
    """Run searches at once; return for each its last finding, and the order in which they ended."""
    ended = []

    async def run(number, board, evaluator, simulations):
        findings = [finding async for finding in searches.run(board, evaluator, simulations)]
        ended.append(number)
        return findings[-1]

    async def run_all():
        return await asyncio.gather(*(run(number, *each) for number, each in enumerate(asked)))

    return asyncio.run(run_all()), ended


@pytest.fixture
def searches():
    searches = Searches()
    yield searches
    searches.close()


def test_a_search_finds_the_same_alone_and_beside_others(searches):
    evaluator = mcts.rollouts(games=4)
    boards = [Board.from_moves(moves, size=5) for moves in ("", "c3", "c3 b4", "a1 b2 c3")]
    asked = [(board, evaluator, simulations) for board, simulations in zip(boards, (7, 64, 200, 333), strict=True)]
    together, _ = run_searches(searches, asked)
    for (board, _, simulations), finding in zip(asked, together, strict=True):
        found = mcts.search(board, evaluator, simulations, recipe=RECIPE)
        assert finding.simulations == simulations
        assert finding.best == found.best
        assert {move: int(finding.visits[board.to_cell(move)]) for move in found.visits} == found.visits


def test_a_short_search_does_not_wait_for_a_long_one(searches):
    evaluator = mcts.rollouts(games=16)
    _, ended = run_searches(searches, [(Board(11), evaluator, 3000), (Board(11), mcts.uniform(), 20), (Board(9), evaluator, 20)])
    assert ended[-1] == 0


def test_a_search_that_fails_says_so_and_the_next_one_runs(searches):
    def broken(boards):
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        run_searches(searches, [(Board(3), broken, 5)])
    (finding,), _ = run_searches(searches, [(Board(3), mcts.uniform(), 5)])
    assert finding.simulations == 5


def test_searches_are_bounded(searches, monkeypatch):
    from hexlab.app.web import searching

    monkeypatch.setattr(searching, "_MOST_WAITING", 0)
    with pytest.raises(searching.Refusal, match="0 searches are waiting"):
        run_searches(searches, [(Board(3), mcts.uniform(), 5)])


def test_a_proof_ends_a_search_early(searches):
    (finding,), _ = run_searches(searches, [(Board.from_moves("b1 a1", size=2), mcts.uniform(), 4096)])
    assert finding.proven
    assert finding.black_win == 1
    assert finding.simulations < 4096


# Learning


def test_runs_are_listed_with_what_they_have_done(page):
    (run,) = page.get("/api/runs").json()["runs"]
    assert run["name"] == "class/first"
    assert (run["size"], run["network"], run["iteration"], run["iterations"]) == (3, "dense 8×1", 10, 10)
    assert run["snapshots"] == [0, 1]
    assert not run["live"]
    keys = [agent["key"] for agent in page.get("/api/agents").json()["agents"]]
    shipped = [key for key in keys if key.startswith("pretrained:")]
    assert {"pretrained:3", "pretrained:4", "pretrained:5"} < set(shipped)
    assert keys == [*shipped, "run:class/first", "rollouts", "perfect", "lesson-2"]


def test_the_menu_is_a_ladder_of_opponents(page):
    listed = [agent for agent in page.get("/api/agents").json()["agents"] if agent["sizes"] == [4]]
    first, *ladder = [agent for agent in listed if agent["key"].startswith("pretrained:")]
    assert first["title"] == "Shipped 4×4 network"
    assert [agent["title"] for agent in ladder] == list(dict.fromkeys(agent["title"] for agent in ladder))
    elos = [int(agent["title"].removeprefix("Elo ").partition(" at 64, ")[0].replace("−", "-")) for agent in ladder]
    assert len(elos) > 1
    assert elos == sorted(elos)
    best_of_nine = next(agent for agent in page.get("/api/agents").json()["agents"] if agent["key"] == "pretrained:9x9-512x4-s0-12")
    assert best_of_nine["title"] == "Elo −55 from the best at 64, 512×4 network"
    game = page.play(page.start(size=4, agent=ladder[0]["key"], simulations=1), "b2")
    assert (len(game["moves"]), game["agent_title"]) == (2, ladder[0]["title"])


def test_the_newest_snapshot_is_that_of_the_start_of_a_game(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "_FRESH_SECONDS", 0.0)
    write_run(tmp_path / "live")
    with serve(tmp_path) as address, Page(address) as page:
        assert page.start(size=3, agent="run:live")["snapshot"] == 1
        snapshots = tmp_path / "live" / "snapshots"
        (snapshots / "002.safetensors").write_bytes((snapshots / "001.safetensors").read_bytes())
        assert page.start(size=3, agent="run:live")["snapshot"] == 2


def test_a_run_that_is_trained_anew_under_its_old_name_plays_with_its_new_network(tmp_path):
    write_run(tmp_path / "again")
    agents = Agents(learning.Runs(tmp_path))
    first = agents.load("run:again", 3, 1)
    assert agents.load("run:again", 3, 1) is first, "one network for all games"
    snapshots = tmp_path / "again" / "snapshots"
    os.replace(snapshots / "000.safetensors", snapshots / "001.safetensors")
    second = agents.load("run:again", 3, 1)
    assert not np.array_equal(first(Boards.empty(3, 1)).logits, second(Boards.empty(3, 1)).logits)
    assert agents.load("run:again", 3) is second, "the newest by default"
    with pytest.raises(CheckpointError, match="holds no snapshot 0: it has 1"):
        agents.load("run:again", 3, 0)


def test_a_snapshot_of_a_run_plays(page):
    game = page.start(size=3, agent="run:class/first", snapshot=0)
    game = page.play(game, "b2")
    assert len(game["moves"]) == 2
    assert not game["problem"]


def follow(page, path, enough):
    """Read a stream that does not end until there are enough events."""
    text = ""
    with page.http.stream("GET", path) as answer:
        assert answer.status_code == 200
        for part in answer.iter_text():
            text += part
            if len(read_events(text)) >= enough:
                return read_events(text)
    raise AssertionError(text)


def test_the_dashboard_is_told_of_new_lines(tmp_path):
    write_run(tmp_path / "live")
    metrics = tmp_path / "live" / "metrics.jsonl"

    def add_a_line():
        time.sleep(0.3)
        with metrics.open("a") as rows:
            rows.write(json.dumps({"iteration": 11, "iterations": 20, "samples": 1100, "games": 80, "policy_loss": 0.1}) + '\n{"itera')

    with serve(tmp_path) as address, Page(address) as page:
        writer = threading.Thread(target=add_a_line)
        writer.start()
        told = follow(page, "/api/runs/stream?run=live", 4)
        writer.join()
    assert [event for event, _ in told[:2]] == ["runs", "curves"]
    curves = [data for event, data in told if event == "curves"]
    assert curves[0]["samples"] == [100 * number for number in range(1, 11)]
    assert curves[0]["blunders"] == [[1000, 0.25]]
    assert curves[-1]["samples"][-1] == 1100, "the half line after it is left out"
    lists = [data["runs"] for event, data in told if event == "runs"]
    assert [(run["iteration"], run["live"]) for (run,) in lists] == [(10, False), (11, True)]


def test_long_curves_are_thinned(tmp_path):
    write_run(tmp_path / "long")
    with (tmp_path / "long" / "metrics.jsonl").open("w") as rows:
        for iteration in range(1, 5001):
            print(json.dumps({"iteration": iteration, "iterations": 5000, "samples": iteration, "policy_loss": 1.0}), file=rows)
    (run,) = learning.Runs(tmp_path).list_runs()
    curves = learning.read_curves(run)
    assert 300 < len(curves["samples"]) <= 400
    assert len(curves["curves"]["policy_loss"]) == len(curves["samples"])


def test_a_run_is_there_as_soon_as_it_starts_and_lives_as_long_as_its_iterations_take(tmp_path):
    write_run(tmp_path / "slow")
    for name in ("metrics.jsonl", "snapshots.jsonl", "health.jsonl"):
        (tmp_path / "slow" / name).unlink()
    (run,) = learning.Runs(tmp_path).list_runs()
    assert (run.iteration, run.samples, run.live) == (0, 0, True)
    assert learning.read_curves(run)["samples"] == []
    (tmp_path / "slow" / "metrics.jsonl").write_text('{"iteration": 1, "iterations": 9}\n')
    for name in ("config.json", "metrics.jsonl"):
        os.utime(tmp_path / "slow" / name, (time.time() - 100,) * 2)
    assert [run.live for run in learning.Runs(tmp_path).list_runs()] == [False]
    (tmp_path / "slow" / "timings.jsonl").write_text('{"iteration": 1, "seconds": 50}\n')
    assert [run.live for run in learning.Runs(tmp_path).list_runs()] == [True]


def test_damaged_runs_are_left_out(tmp_path):
    write_run(tmp_path / "sound")
    write_run(tmp_path / "torn")
    (tmp_path / "torn" / "config.json").write_text('{"size": 3, "wid')
    write_run(tmp_path / "strange")
    (tmp_path / "strange" / "config.json").write_text("[]")
    write_run(tmp_path / "starting")
    (tmp_path / "starting" / "metrics.jsonl").write_bytes(b"\xff\xfe{\n")
    assert [run.name for run in learning.Runs(tmp_path).list_runs()] == ["sound", "starting"]
    assert learning.Runs(tmp_path / "nowhere").list_runs() == []


def leave_a_closed_folder(folder, monkeypatch):
    """As for a user who may see a folder but not enter it; root may enter all."""
    (folder / "odd").mkdir()
    stat = os.stat

    def refuse(path, *arguments, **options):
        if isinstance(path, (str, os.PathLike)) and os.path.basename(os.path.dirname(path)) == "odd":
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)


def leave_a_link_to_itself(folder, monkeypatch):
    (folder / "odd").symlink_to("odd")


def leave_a_name_that_is_no_text(folder, monkeypatch):
    write_run(folder / os.fsdecode(b"odd\xff"))


def leave_in_a_file(name, text):
    def leave(folder, monkeypatch):
        write_run(folder / "odd")
        (folder / "odd" / name).write_text(text)

    return leave


SETTINGS = '{"size": 3, "width": 8, "depth": 1, "seed": 0, "simulations": %s, "recipe": "%s"}'


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names and links everywhere")
@pytest.mark.parametrize(
    "leave",
    [
        leave_a_closed_folder,
        leave_a_link_to_itself,
        leave_a_name_that_is_no_text,
        pytest.param(leave_in_a_file("config.json", SETTINGS % ("1e999", "puct")), id="endless simulations"),
        pytest.param(leave_in_a_file("config.json", SETTINGS % ("16", "\\ud800")), id="half a character"),
        pytest.param(leave_in_a_file("config.json", "[" * 100_000), id="nested settings"),
        pytest.param(leave_in_a_file("metrics.jsonl", '{"iteration": 1e999}'), id="endless iterations"),
    ],
)
def test_what_cannot_be_read_hides_nothing_beside_it(tmp_path, monkeypatch, leave):
    write_run(tmp_path / "sound")
    leave(tmp_path, monkeypatch)
    with serve(tmp_path) as address, Page(address) as page:
        assert [run["name"] for run in page.get("/api/runs").json()["runs"]] == ["sound"]
        listed = page.get("/api/agents").json()["agents"]
        assert [agent["key"] for agent in listed if agent["key"].startswith("run:")] == ["run:sound"]
        assert page.start()["pending"] is False


def test_lines_that_cannot_be_read_hide_no_others(tmp_path):
    write_run(tmp_path / "run")
    whole = learning.read_curves(learning.Runs(tmp_path).find("run"))
    assert len(whole["samples"]) == 10
    assert len(whole["blunders"]) == 1
    odd = {
        "metrics.jsonl": ["[" * 8000, f'{{"samples": {10**400}}}'],
        "snapshots.jsonl": ["[" * 100_000, '{"snapshot": [1], "samples": 1}'],
        "health.jsonl": [
            "[" * 100_000,
            '{"snapshot": [2], "blunders": {"count": 1, "total": 2}}',
            '{"snapshot": 0, "blunders": {"count": "1", "total": "2"}}',
            '{"snapshot": 0, "blunders": {"total": 2}}',
        ],
    }
    for name, lines in odd.items():
        file = tmp_path / "run" / name
        file.write_text("\n".join([lines[0], *file.read_text().splitlines(), *lines[1:], lines[0]]))
    (run,) = learning.Runs(tmp_path).list_runs()
    assert run.key == "key0"
    assert learning.read_curves(run) == whole


def test_sampled_games_are_shown(page):
    told = page.get("/api/runs/games", params={"run": "class/first"}).json()
    assert told["snapshots"] == [1]
    assert told["games"][0] == {"moves": ["b2", "a1", "b1", "c1", "b3"], "winner": "black"}
    assert page.get("/api/runs/games", params={"run": "class/first", "snapshot": "7"}).status_code == 404


def test_tournaments_have_a_table_and_a_frontier(page):
    assert page.get("/api/tournaments").json()["tournaments"] == ["class/tables"]
    (board,) = page.get("/api/tournaments/table", params={"name": "class/tables"}).json()["boards"]
    assert board["size"] == 3
    assert [row["elo"] for row in board["rows"]] == [0, -150, -300], "best first"
    assert board["rows"][1]["run"] == "key0", "the key by which the page finds the run"
    assert board["frontier"]["simulations"] == 16
    assert np.isfinite(board["frontier"]["elo"]).all()


# What is refused


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/games", {"size": 0}, 400, "board size 0 is not supported"),
        ("/api/games", {"size": "5"}, 400, "board size '5'"),
        ("/api/games", {"size": True}, 400, "board size True"),
        ("/api/games", {"size": 99}, 400, "board size 99"),
        ("/api/games", {"color": "green"}, 400, "color 'green'"),
        ("/api/games", {"color": ["black"]}, 400, "color ['black']"),
        ("/api/games", {"agent": "run:../../etc"}, 404, "there is no agent 'run:../../etc'"),
        ("/api/games", {"agent": 7}, 404, "there is no agent '7'"),
        ("/api/games", {"agent": "pretrained:5", "size": 4}, 400, "does not play 4×4: it plays 5×5"),
        ("/api/games", {"agent": "perfect", "size": 6}, 400, "does not play 6×6: it plays 2×2 to 5×5"),
        ("/api/games", {"agent": "run:class/first", "size": 3, "snapshot": 9}, 400, "has no snapshot 9"),
        ("/api/games", {"snapshot": "newest"}, 400, "snapshot 'newest'"),
        ("/api/games", {"simulations": 0}, 400, "simulations 0"),
        ("/api/games", {"simulations": 10**9}, 400, "simulations 1000000000"),
        ("/api/games", {"simulations": 1.5}, 400, "simulations 1.5"),
        ("/api/games", {"swap": "yes"}, 400, "swap 'yes'"),
        ("/api/games", {"level": 3}, 400, "unknown key 'level'"),
        ("/api/games", {"start": "z9"}, 400, "'z9' is not a cell"),
        ("/api/games", {"start": "c3 c3"}, 400, "move 2"),
        ("/api/games", {"start": {"moves": []}}, 400, "a position of type dict"),
        ("/api/games", {"start": "(;GM[1])"}, 400, "Hex is GM[11]"),
        ("/api/games", {"start": "https://hexworld.org/board/#oops"}, 400, "is no HexWorld link"),
        ("/api/games", {"start": ". . / ."}, 400, "row 2"),
        ("/api/games", {"start": "c3 " * 9000}, 400, "27000 characters"),
        ("/api/games/{game}/moves", {"move": "e9"}, 400, "off the board"),
        ("/api/games/{game}/moves", {"move": 12}, 400, "'12' is not a cell"),
        ("/api/games/{game}/moves", {}, 400, "is not a cell"),
        ("/api/games/{game}/moves", {"move": "swap-pieces"}, 400, "without the swap rule"),
        ("/api/games/{game}/analysis", {"simulations": -1}, 400, "simulations -1"),
        ("/api/games/{game}/steps", {"simulations": 129}, 400, "give a whole number from 1 to 128"),
        ("/api/games/nobody/moves", {"move": "a1"}, 404, "there is no game 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_answered_by_a_sentence(page, path, body, status, said):
    answer = page.post(path.replace("{game}", page.start()["id"]), body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]


SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["c3", "rollouts", "black"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["size", "color", "swap", "agent", "snapshot", "simulations", "start", "move"])
PATHS = st.sampled_from(["", "/{game}/moves", "/{game}/undo", "/{game}/resign", "/{game}/analysis", "/{game}/steps", "/{game}/truth"])


@hypothesis.settings(max_examples=150, deadline=None, derandomize=True)
@hypothesis.given(path=PATHS, body=st.dictionaries(KEYS, SCRAPS, max_size=4) | SCRAPS)
def test_whatever_is_sent_the_server_answers_sensibly(page, path, body):
    game = page.start(size=2, simulations=1, color="both")
    answer = page.http.post(f"/api/games{path.format(game=game['id'])}", content=json.dumps(body))
    assert answer.status_code in (200, 201, 400, 404, 409), answer.text
    if answer.status_code >= 400:
        assert len(answer.json()["error"]) > 20


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"\xff", b'"b2"', b"[" * 50_000])
def test_bodies_that_are_no_object_are_refused(page, body):
    answer = page.http.post("/api/games", content=body)
    assert answer.status_code == 400
    assert "send an object" in answer.json()["error"]


def test_bodies_are_bounded_even_if_they_do_not_say_their_length(page):
    assert page.http.post("/api/games", content=b" " * (MOST_BYTES + 1)).status_code == 413
    assert page.http.post("/api/games", content=(b" " * 1000 for _ in range(100))).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/static/../server.py", 404),
        ("/static/%2e%2e/web/server.py", 404),
        ("/api/games/x", 404),
        ("/api/runs/stream?run=nobody", 404),
        ("/api/runs/games?run=..", 404),
        ("/api/runs/games?run=class/first&snapshot=-1", 400),
        ("/api/tournaments/table?name=../secrets", 404),
        ("/api/games", 405),
    ],
)
def test_addresses_that_lead_nowhere(page, path, status):
    answer = page.get(path)
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 20


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"x-hexlab-token": "guess"}, 403, "load the page again"),
        ({"x-hexlab-token": b"gu\xe9ss"}, 403, "load the page again"),
        ({"origin": "https://evil.example"}, 403, "a page of 'https://evil.example' may not change anything here"),
        ({"origin": "null"}, 403, "a page of 'null'"),
        ({"host": "evil.example"}, 421, "does not answer to the name 'evil.example'"),
        ({"host": "localhost.evil.example:80"}, 421, "does not answer"),
        ({"host": "192.168.0.7"}, 421, "does not answer"),
    ],
)
def test_foreign_pages_are_kept_out(page, headers, status, said):
    answer = page.post("/api/games", {}, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_reading_needs_no_token_but_the_right_name(page):
    assert page.get("/api/agents", headers={"x-hexlab-token": ""}).status_code == 200
    assert page.get("/", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("listening", "name", "answered"),
    [
        ("127.0.0.1", "127.0.0.1:8765", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "LOCALHOST:99", True),
        ("127.0.0.1", "[::1]:8765", True),
        ("127.0.0.1", "10.0.0.1:8765", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "10.0.0.1:8765", True),
        ("0.0.0.0", "rebound.example", False),
        ("lab.example", "lab.example:8765", True),
    ],
)
def test_names_that_the_server_answers_to(listening, name, answered):
    assert Gate(None, listening, "token").answers_to(name) is answered


@pytest.mark.parametrize(("listening", "written"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("lab.example", "lab.example")])
def test_hosts_are_written_as_a_link_needs_them(listening, written):
    assert name_host(listening) == written


@pytest.mark.parametrize("listening", ["0.0.0.0", "::"])
def test_a_link_to_all_addresses_names_one_that_is_answered(listening):
    assert name_host(listening) != listening
    assert Gate(None, listening, "token").answers_to(f"{name_host(listening)}:8765")


def test_the_page_carries_the_token_and_may_run_no_foreign_script(page):
    answer = page.get("/")
    assert TOKEN in answer.text
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    for name in ("app.js", "board.js", "style.css", "icon.svg"):
        file = page.get(f"/static/{name}")
        assert file.status_code == 200
        assert file.headers["x-content-type-options"] == "nosniff"
        assert "//" not in file.text.replace("http://www.w3.org/", "").replace("// ", ""), f"{name} fetches something from elsewhere"


# The command


@pytest.mark.skipif(sys.platform == "win32", reason="processes there are not interrupted one by one")
def test_the_command_says_where_and_stops_without_a_complaint(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "hexlab", "web", "--port", "0", "--runs", str(tmp_path / "none")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        address = line.split()[1]
        assert line.startswith("hexlab: http://127.0.0.1:")
        with Page(address) as page, page.http.stream("GET", "/api/runs/stream") as dashboard:
            assert '"runs":[]' in next(dashboard.iter_text())
            server.send_signal(signal.SIGINT)  # with a dashboard that is still open
            said = server.communicate(timeout=30)
    assert server.returncode == 0
    assert said == ("", "")


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    from hexlab.app import cli

    monkeypatch.delitem(sys.modules, "hexlab.app.web.server")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["web"]) == 2
    said = capsys.readouterr().err
    assert "the page needs uvicorn, which is not installed: install hexlab with its extra web, as you installed hexlab: python -m" in said
    assert 'python -m pip install -e ".[web]"' in said


def test_a_port_that_is_taken_ends_in_one_line(page, capsys):
    from hexlab.app import cli

    port = page.http.base_url.port
    assert cli.main(["web", "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err
    assert cli.main(["web", "--port", "99999"]) == 2
    assert "port 99999" in capsys.readouterr().err


def test_a_host_that_can_be_none_ends_in_one_line(capsys):
    from hexlab.app import cli

    assert cli.main(["web", "--host", "é..b", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert "cannot listen on é..b, port 0 (" in said
    assert said.count("\n") == 1
