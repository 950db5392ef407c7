"""The command line as its users meet it: as a process, by what it prints and by its exit code."""

import ast
import concurrent.futures
import dataclasses
import importlib
import inspect
import io
import itertools
import json
import lzma
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from hexlab.app import cli
from hexlab.errors import RunError

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOO_LITTLE = "most likely too little"
START = f"; a start is {cli._NET_OF_9X9}, the lab's own net of 9x9"


def hexlab(*words):
    """Run the command line in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "hexlab", *map(str, words)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def assert_one_line(stderr):
    assert stderr.startswith("hexlab: ")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_help(name, capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main([*name.split(), "--help"])
    assert leaving.value.code in (0, None)
    page = capsys.readouterr().out
    assert page.startswith(f"usage: hexlab {name}".strip())
    if not name:
        assert all(f"• {command} " in page for command in cli.COMMANDS)


def read_texts(kind):
    """Return the text that stands below each field of a class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in itertools.pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def test_a_field_without_a_text_is_found():
    class Planted:
        told: int = 1
        """What it does,
        and when."""
        untold: int = 2
        last: int = 3

    assert read_texts(Planted) == {"told": "What it does, and when."}


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_flag_says_what_it_does(name, capsys, monkeypatch):
    from hexlab.training import Config

    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    page = " ".join(capsys.readouterr().out.replace("│", " ").split())
    seen = set()
    for kind in (cli.COMMANDS[name], *([Config] if name == "train" else [])):
        texts = read_texts(kind)
        for field in dataclasses.fields(kind):
            flag = f"--{field.name.strip('_').replace('_', '-')} "
            flag = flag if flag in page else f"--no-{flag[2:]}" if f"--no-{flag[2:]}" in page else ""
            assert flag or field.name in {"out", "agent", "file", "run_", "folders"}, f"{field.name} is missing"
            text = texts.get(field.name, "")
            assert len(text.split()) > 1, f"{field.name} says nothing"
            assert re.search(f"{flag}(\\S+ ){{0,3}}{re.escape(text)}", page), f"the help does not say of {field.name}: {text}"
            assert text not in seen, f"{field.name} says what another one says"
            seen.add(text)


def test_train_has_a_flag_for_every_setting_with_the_preset_of_the_size(capsys):
    from hexlab.training import Config, preset

    for words, settings in (
        (["--size", "3"], preset(3)),
        (["--size=4"], preset(4)),
        ([], preset(5)),
        (["--net", "hex"], preset(5, net="hex")),
        (["--recipe", "gumbel"], preset(5, recipe="gumbel")),
        (["--size", "4", "--preset", "paper"], preset(4, "paper")),
        (["--preset=paper", "--net=hex", "--recipe=puct"], preset(5, "paper")),
    ):
        with pytest.raises(SystemExit):
            cli.main(["train", *words, "--help"])
        page = " ".join(capsys.readouterr().out.replace("│", " ").split())
        for field in dataclasses.fields(Config):
            assert f"--{field.name.replace('_', '-')}" in page or f"--no-{field.name.replace('_', '-')}" in page, field.name
        assert f"(default: {settings['samples']})" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Expected one of"),
        (["conquer"], "conquer"),
        (["solve", "--size", "five"], "five"),
        (["solve", "--size", "0"], "board size 0 is not supported"),
        (["solve", "--size", "11"], "11"),
        (["solve", "--size", "3", "--moves", "b2 b2"], "b2"),
        (["solve", "--size", "3", "--moves", "z9"], "z9"),
        (["solve", "--mvoes", "b2"], "--mvoes"),
        (["train", "--size", "3"], "--out"),
        (["train", "--size", "40", "--out", "run"], "size=40"),
        (["train", "--size", "-4", "--out", "run"], "size=-4"),
        (["train", "--size", "²", "--out", "run"], "--size '²': give a whole number (see `hexlab train --help`)"),
        (["train", "--size", "3", "--width", "0", "--out", "run"], "width=0"),
        (["train", "--size", "3", "--recipe", "guess", "--out", "run"], "guess"),
        (["train", "--preset", "guess", "--out", "run"], "guess"),
        (["train", "--preset", "paper", "--recipe", "puct", "--out", "run"], "paper_search=True with recipe='puct'"),
        (["train", "--size", "3", "--threads", "0", "--out", "run"], "--threads 0"),
        (["resume", "nowhere"], "nowhere"),
        (["verify", "nowhere"], "nowhere"),
        (["play", "--agent", "nowhere"], "nowhere"),
        (["play", "--color", "green"], "green"),
        (["play", "--agent", "random", "--simulations", "0"], "--simulations 0"),
        (["bench", "--net", "big"], "big"),
        (["bench", "--seconds", "0"], "seconds=0"),
        (["bench", "--repeats", "0"], "repeats=0"),
        (["reproduce", "--scale", "galactic"], "galactic"),
        (["reproduce", "--experiment", "nowhere.toml"], "nowhere.toml does not exist: name an experiment file"),
        (["reproduce", "--experiment", "."], ". cannot be read ("),
        (["reproduce", "--experiment", str(ROOT / "pyproject.toml")], "pyproject.toml does not declare: choose one of build-system"),
        (["reproduce", "--scale", "tool", "--experiment", str(ROOT / "pyproject.toml")], "scale 'tool' has keys importlinter, mypy, "),
        (["reproduce", "--workers", "0"], "--workers 0"),
        (["reproduce", "--scale", "tiny", "--sizes", "3", "12"], "scale 'tiny' declares no 12x12, give some of 3"),
        (["reproduce", "--sizes", "3", "x"], "--sizes 'x': give whole numbers such as 3 4 (see `hexlab reproduce --help`)"),
        (["reproduce", "--workers", "two"], "--workers 'two': give a whole number (see `hexlab reproduce --help`)"),
        (["figures", "--bootstrap", "1.5"], "--bootstrap '1.5': give a whole number (see `hexlab figures --help`)"),
        (["bench", "--seconds", "long"], "--seconds 'long': give a number (see `hexlab bench --help`)"),
        (["gtp", "--seconds-per-move", "long"], "--seconds-per-move 'long': give a number (see `hexlab gtp --help`)"),
        (["join", "nowhere", "elsewhere", "--out", "joined"], "nowhere holds no manifest.json"),
        (["check-player"], "no player: give a Python file, or --template"),
        (["check-player", "nowhere.py"], "no file 'nowhere.py'"),
        (["tournament"], "--players"),
        (["tournament", "--players", "nowhere"], "no folder 'nowhere'"),
        (["tournament", "--players", ".", "--games", "3"], "3 games per pair"),
        (["play", "--agent", "random", "--size", "0"], "random plays 1x1 to 19x19, not 0x0"),
        (["topp", "nowhere"], "nowhere holds no run"),
        (["figures", "--tables", "nowhere"], "nowhere"),
        (["results", "--tables", "nowhere", "--pages", "nopage.md"], "the page 'nopage.md' cannot be read (No such file or directory)"),
        (["predict", "--tables", "nowhere", "--size", "27"], "board size 27 is not supported: give a whole number from 1 to 19"),
        (["predict", "--tables", "nowhere", "--size", "-4"], "board size -4 is not supported"),
        (["predict", "--size", "6", "--score", "a.json", "--out", "b.json"], "--out and --score: give one; --out keeps a new forecast"),
        (["figures", "--check", "--tables", "nowhere"], "no folder 'nowhere'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_one_line_and_exit_code_2(words, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    heard = capsys.readouterr()
    assert said in heard.err
    assert_one_line(heard.err)
    assert not list(tmp_path.iterdir()), "a refused command leaves nothing behind"


@pytest.mark.parametrize(
    "words",
    [
        ["reproduce", "--scale", "tiny"],
        ["train", "--size", "3"],
        ["join", "a", "b"],
        ["match", "--player", "random", "--player", "perfect", "--size", "3"],
        ["predict", "--size", "6"],
    ],
    ids=lambda words: words[0],
)
def test_a_file_where_a_folder_is_wanted_is_told_before_any_work(words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("file").write_text("mine", encoding="utf-8")
    assert cli.main([*words, "--out", str(pathlib.Path("file") / "out")]) == 2
    assert capsys.readouterr().err == "hexlab: file is a file: name a folder\n"
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", [*cli.COMMANDS])
def test_when_memory_runs_out_flags_are_named_that_the_command_has(name):
    from hexlab.training import Config

    command = cli.COMMANDS[name]
    fields = [*dataclasses.fields(command), *(dataclasses.fields(Config) if name == "train" else ())]
    named = re.findall(r"--([a-z-]+)", command.dials)
    assert named or name in ("status", "join", "rate"), "which have no dial"
    assert ("boards" in named) == ("boards" in {field.name for field in fields})
    assert set(named) <= {field.name.replace("_", "-") for field in fields}


def test_the_version_is_printed(capsys):
    import importlib.metadata

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hexlab {importlib.metadata.version('hexlab')}\n"


@pytest.mark.parametrize(
    ("words", "exploration", "noise"),
    [
        (["--recipe", "gumbel"], 1.0, 0.0),
        (["--recipe=gumbel", "--exploration", "0.5"], 0.5, 0.0),
        (["--recipe", "regularized"], 1.5, 0.25),
        ([], 1.5, 0.25),
    ],
)
def test_the_defaults_of_train_follow_the_recipe(words, exploration, noise):
    from hexlab.training import preset

    config = cli._parse(["train", "--size", "3", "--out", "run", *words]).config
    assert (config.exploration, config.noise_fraction) == (exploration, noise)
    assert config.samples == preset(3)["samples"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "7"], ""),
        (["--size", "2"], ""),
        (["--size", "9"], f"no preset for 9x9: --width 128, --depth 4 and --samples 8000000 are those of 7x7, {TOO_LITTLE}{START}"),
        (["--size", "11", "--width=512", "--depth", "8"], f"no preset for 11x11: --samples 8000000 is that of 7x7, {TOO_LITTLE}{START}"),
        (["--size", "8", "--net", "hex"], f"no preset for 8x8: --width 32, --depth 4 and --samples 2000000 are those of 7x7, {TOO_LITTLE}"),
        (["--size", "9", "--preset", "paper"], ""),
        (["--size", "10", "--preset", "paper", "--samples", "9"], f"10x10: --width 512 and --depth 4 are those of 9x9, {TOO_LITTLE}"),
        (["--size", "9", *cli._NET_OF_9X9.split()], ""),
    ],
)
def test_a_run_on_a_board_without_a_preset_is_told_what_it_takes_from_another(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("hexlab.training.train", lambda *_, **__: iter(()))
    monkeypatch.setattr("hexlab.lab.health.watch", lambda *_: iter(()))
    assert cli.main(["train", "--out", str(tmp_path / "run"), *words]) == 0
    heard = capsys.readouterr()
    assert heard.err.endswith(f"{said}\n" if said else "")
    assert bool(heard.err) == bool(said)
    assert f"(try `hexlab {'verify' if int(words[1]) <= 7 else 'topp'} " in heard.out, "there is no perfect play to be verified by above"


def test_the_start_for_a_board_without_a_preset_is_the_network_that_the_lab_trains_there():
    from hexlab.lab.grids import read_grid

    start = cli._parse(["train", "--size", "9", "--out", "run", *cli._NET_OF_9X9.split()]).config
    [cell] = read_grid("workstation", sizes=[9]).cells
    assert (start.architecture, start.learning_rate) == (cell.architecture, cell.learning_rate)
    assert start.samples == pytest.approx(cell.samples, rel=0.01)


def test_a_damaged_run_is_refused_in_one_line(capsys, tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff{}")
    assert cli.main(["resume", str(tmp_path)]) == 2
    heard = capsys.readouterr().err
    assert_one_line(heard)
    assert "config.json is not text" in heard


def test_a_run_that_is_in_use_is_refused(capsys, tmp_path):
    from hexlab import training
    from hexlab.system import lock_folder

    config = training.Config(size=3, width=2, depth=1, samples=64, simulations=2, groups=1, boards=64, slice_moves=1, batch=64)
    training.train(config, tmp_path / "run").close()
    with lock_folder(tmp_path / "run"):
        assert cli.main(["resume", str(tmp_path / "run")]) == 2
    heard = capsys.readouterr().err
    assert_one_line(heard)
    assert "in use by process" in heard


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RunError("first\n  second"), 2, "first second"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "out of memory: lower --size"),
        (RuntimeError("RESOURCE_EXHAUSTED: 9 bytes"), 2, "out of memory on the device: lower --size"),
        (FileNotFoundError(2, "No such file or directory", "tables.csv"), 2, "tables.csv: No such file or directory; check"),
        (PermissionError(13, "Permission denied", "run"), 2, "run: Permission denied"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_failures_end_in_one_line(error, status, said, capsys, monkeypatch):
    def fail(self):
        raise error

    monkeypatch.setattr(cli.Solve, "run", fail)
    assert cli.main(["solve"]) == status
    heard = capsys.readouterr().err
    assert said in heard
    assert_one_line(heard)


def test_sigterm_ends_a_command_as_an_interrupt_does(capsys, monkeypatch):
    monkeypatch.setattr(cli.Solve, "run", lambda self: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["solve"]) == 143
    heard = capsys.readouterr().err
    assert heard == "hexlab: terminated\n"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("words", "way_on"),
    [
        (["solve"], ""),
        (["match", "--player", "random", "--player", "random"], ""),
        (["train", "--size", "3", "--out", "not_begun"], ""),
        (["train", "--size", "3", "--out", "begun"], "; `hexlab resume begun` goes on where it was"),
        (["resume", "begun"], "; the same command goes on where it was"),
        (["reproduce"], "; the same command goes on where it was"),
        (["tournament", "--players", "begun"], "; the same command goes on where it was"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_who_interrupts_a_command_is_told_what_goes_on_with_it(words, way_on, capsys, monkeypatch, tmp_path):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    (tmp_path / "begun").mkdir()
    monkeypatch.setattr(cli.COMMANDS[words[0]], "run", interrupt)
    assert cli.main(words) == 130
    assert capsys.readouterr().err == f"hexlab: interrupted{way_on}\n"


def test_an_interrupt_before_there_is_a_command_ends_in_one_line(capsys, monkeypatch):
    def interrupt(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parse", interrupt)
    assert cli.main(["solve"]) == 130
    assert capsys.readouterr().err == "hexlab: interrupted\n"


def test_whoever_has_a_plan_for_sigterm_keeps_it(monkeypatch):
    heard = []
    monkeypatch.setattr(cli.Solve, "run", lambda self: heard.append(signal.getsignal(signal.SIGTERM)))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(cli.main, ["solve"]).result() == 0
    assert heard == [signal.SIG_DFL], "no plan can be made outside of the main thread"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert cli.main(["solve"]) == 0
        assert (heard[-1], signal.getsignal(signal.SIGTERM)) == (signal.SIG_IGN, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that others can send")
@pytest.mark.parametrize("together", [False, True], ids=["alone", "with its workers"])
def test_a_terminated_job_says_so_and_leaves_nothing_behind(tmp_path, together):
    command = [sys.executable, "-m", "hexlab", "reproduce", "--scale", "tiny", "--workers", "2", "--out", tmp_path / "job"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, **pipes, start_new_session=True) as job:
        while not list(tmp_path.glob("job/cells/*.claim")):
            time.sleep(0.1)
            assert job.poll() is None
        if together:
            os.killpg(job.pid, signal.SIGTERM)
        else:
            job.send_signal(signal.SIGTERM)
        _, heard = job.communicate(timeout=60)
    assert job.returncode == 143
    assert_one_line(heard)
    status = hexlab("status", tmp_path / "job")
    assert status.returncode == 1
    assert "stopped (terminated)" in status.stdout
    assert ", 0 being trained, 0 failed" in status.stdout
    assert {path.read_text() for path in tmp_path.glob("job/cells/*.claim")} == {'{"token": ""}\n'}, "all claims are revoked"


GRID = """
[mine]
about = "3x3, one network"
seeds = [0]
test_simulations = [1, 4]
openings = 10
bootstrap = 20
settings = { groups = 1, boards = 64, simulations = 8, buffer = 9_000, snapshots = 3, batch = 128 }

[[mine.boards]]
size = 3
nets = ["2x1"]
simulations = 60_000
flops = 1e12
settings = {}
"""


@pytest.mark.slow
def test_a_grid_of_ones_own_is_run_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID)
    assert cli.main(["reproduce", "--scale", "mine", "--experiment", "grid.toml", "--workers", "1", "--out", "job"]) == 0
    assert "3x3, one network" in (tmp_path / "job" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    assert cli.main(["status", str(tmp_path / "job"), "--json"]) == 0
    program, *words = shlex.split(json.loads(capsys.readouterr().out)["command"])
    assert program == "hexlab"
    assert cli.main(words) == 0
    assert "report: " in capsys.readouterr().out


def test_a_killed_worker_names_the_dials(capsys, monkeypatch):
    from concurrent.futures.process import BrokenProcessPool

    def fail(self):
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(cli.Reproduce, "run", fail)
    assert cli.main(["reproduce"]) == 2
    heard = capsys.readouterr().err
    assert "--workers" in heard
    assert_one_line(heard)


def test_defects_are_not_hidden(monkeypatch):
    def fail(self):
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli.Solve, "run", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        cli.main(["solve"])


def test_solve_prints_json(capsys):
    assert cli.main(["solve", "--size", "4", "--moves", "c3 b2", "--json"]) == 0
    heard = capsys.readouterr().out
    assert heard.count("\n") == 1
    assert json.loads(heard) == {
        "size": 4,
        "moves": ["c3", "b2"],
        "to_move": "black",
        "winner": "black",
        "winning_moves": ["d1", "a2", "c2", "a3"],
    }


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ("", "Black wins with c1 a2 b2 c2 a3."),
        ("b2", "Black wins, whatever White plays."),
        ("a1 b1 a2 b2 a3", "Black has won"),
    ],
)
def test_solve_prints_the_board_and_says_who_wins(moves, said, capsys):
    assert cli.main(["solve", "--size", "3", "--moves", moves]) == 0
    heard = capsys.readouterr().out
    assert "Black (B) joins top and bottom" in heard
    assert said in heard


def test_figures_say_what_they_wrote_and_what_drifted(monkeypatch, capsys):
    from hexlab import scaling

    asked = []
    monkeypatch.setattr(scaling, "read", lambda tables: asked.append(tables) or "the tables")
    monkeypatch.setattr(scaling, "write_figures", lambda *args, **settings: asked.append((args, settings)) or [pathlib.Path("plots/a.svg")])
    assert cli.main(["figures", "--tables", "there", "--bootstrap", "7", "--seed", "3"]) == 0
    assert capsys.readouterr().out.split() == [str(pathlib.Path("plots/a.svg"))]
    assert asked == [pathlib.Path("there"), (("the tables", pathlib.Path("plots")), {"bootstrap": 7, "seed": 3, "say": cli._say})]
    for drifts, status in (([], 0), (["frontier: drawn differently"], 1)):
        monkeypatch.setattr(scaling, "check_figures", lambda tables, folder, drifts=drifts: drifts)
        assert cli.main(["figures", "--check"]) == status
        assert ("drawn differently" in capsys.readouterr().out) == bool(drifts)
    monkeypatch.setattr(scaling, "redraw_figures", lambda folder: [folder / "b.svg"])
    assert cli.main(["figures", "--redraw", "--out", "pictures"]) == 0
    assert capsys.readouterr().out.split() == [str(pathlib.Path("pictures/b.svg"))]
    assert cli.main(["figures", "--redraw", "--check"]) == 2
    assert "give one" in capsys.readouterr().err


def test_results_say_what_they_wrote_and_what_drifted(monkeypatch, capsys):
    from hexlab import scaling

    asked = []
    monkeypatch.setattr(scaling, "write_results", lambda *args, **settings: asked.append((args, settings)) or [pathlib.Path("a.json")])
    assert cli.main(["results", "--tables", "there", "--pages", "one.md", "two.md", "--bootstrap", "7"]) == 0
    assert asked == [((pathlib.Path("there"), (pathlib.Path("one.md"), pathlib.Path("two.md"))), {"bootstrap": 7, "seed": 0})]
    assert capsys.readouterr().out == "a.json\n"
    for drifts, status, told in (([], 0, "all numbers are those of"), (["results.json: 'games' is '1'"], 1, "'games' is '1'")):
        monkeypatch.setattr(scaling, "check_results", lambda tables, pages, drifts=drifts: drifts)
        assert cli.main(["results", "--check"]) == status
        assert told in capsys.readouterr().out


def test_ratings_are_made_from_the_games_and_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[1] / "scaling")
    import planted_tables

    planted_tables.tiny()[0].to_csv(tmp_path / "tables")
    words, path = ["rate", "--tables", str(tmp_path)], tmp_path / "tables" / "ratings.csv"
    assert cli.main(words) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert cli.main([*words, "--check"]) == 0
    assert "are those of its games" in capsys.readouterr().out
    whole = path.read_text(encoding="utf-8")
    first, *others = whole.splitlines()
    agent, size, elo, *numbers = others[0].split(",")
    path.write_text(whole.replace(others[0], ",".join([agent, size, str(float(elo) + 1e-3), *numbers])), encoding="utf-8")
    assert cli.main([*words, "--check"]) == 1
    assert capsys.readouterr().out.startswith(f"{agent}: ")
    path.write_text("\n".join([first, *others[1:], others[0]]) + "\n", encoding="utf-8")
    assert cli.main([*words, "--check"]) == 1
    assert "another order" in capsys.readouterr().out
    path.unlink()
    assert cli.main(words) == 0
    assert path.read_text(encoding="utf-8") == whole
    capsys.readouterr()
    packed = tmp_path / "tables" / "pairings.csv.xz"
    packed.write_bytes(lzma.compress(lzma.decompress(packed.read_bytes()).splitlines(keepends=True)[0]))
    assert cli.main(words) == 2
    assert "no games to rate" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == whole, "bad tables cost nothing"


@pytest.mark.slow
def test_figures_are_drawn_and_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[1] / "scaling")
    import planted_tables

    planted_tables.tiny()[0].to_csv(tmp_path / "tables")
    words = ["figures", "--tables", str(tmp_path / "tables"), "--out", str(tmp_path / "plots")]
    assert cli.main([*words, "--bootstrap", "20"]) == 0
    drawn = [pathlib.Path(line) for line in capsys.readouterr().out.splitlines()]
    assert {path.suffix for path in drawn} == {".svg", ".json", ".csv", ".md"}
    assert all(path.is_file() for path in drawn)
    assert cli.main([*words, "--check"]) == 0
    assert "are those of" in capsys.readouterr().out
    drawing = next(path for path in drawn if path.suffix == ".svg")
    drawing.write_text("<svg/>", encoding="utf-8")
    assert cli.main([*words, "--check"]) == 1
    assert drawing.name in capsys.readouterr().out


@pytest.mark.parametrize("agent", ["random", "perfect", "rollouts"])
def test_a_person_plays(agent, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("z9\n" + "a1\nb1\na2\nb2\n" * 3))
    assert cli.main(["play", "--agent", agent, "--size", "2", "--simulations", "4", "--color", "white"]) == 0
    heard = capsys.readouterr().out
    assert "'z9' is not a cell" in heard
    assert "Black has won" in heard or "White has won" in heard


def test_a_person_gives_up(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("resign\n"))
    assert cli.main(["play", "--agent", "random", "--size", "3", "--opening", "b2"]) == 0
    heard = capsys.readouterr().out
    assert "random plays" in heard
    assert "Black resigns: White wins." in heard


def test_runs_as_a_module_and_is_silent_on_stderr():
    done = hexlab("solve", "--size", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["winning_moves"] == ["b1", "a2"]


def test_letters_that_the_output_does_not_know_are_spelled_out(monkeypatch, tmp_path):
    output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", output)
    assert cli.main(["check-player", "--template", str(tmp_path / "小明.py")]) == 0
    assert b"\\u5c0f\\u660e.py plays" in output.buffer.getvalue()


def test_exit_code_reaches_the_shell():
    done = hexlab("solve", "--size", "3", "--moves", "d4")
    assert done.returncode == 2
    assert done.stdout == ""
    assert_one_line(done.stderr)


def test_players_are_checked(tmp_path, capsys, monkeypatch):
    importlib.import_module("numba")  # which reads the environment once, here before the next line
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # in the player's process, which starts faster so
    players = tmp_path / "players"
    players.mkdir()
    good, bad = players / "good.py", players / "bad.py"
    assert cli.main(["check-player", "--template"]) == 0
    template = capsys.readouterr().out
    assert cli.main(["check-player", "--template", str(good)]) == 0
    assert good.read_text(encoding="utf-8") == template
    assert capsys.readouterr().out == f"{good} plays; change it, and try it: hexlab check-player {good}\n"
    assert cli.main(["check-player", "--template", str(good)]) == 2
    assert "good.py is there already: give the template another name" in capsys.readouterr().err
    bad.write_text("def choose_move(board):\n    return 'a1'\n", encoding="utf-8")
    assert cli.main(["check-player", str(good), "--size", "2", "--seconds-per-move", "20"]) == 0
    assert capsys.readouterr().out.endswith("It plays.\n")
    assert cli.main(["check-player", str(bad), "--size", "2"]) == 1
    assert capsys.readouterr().out.startswith("BAD   bad.py defines choose_move(board), but it is called as choose_move(board, generator,")
    words = ["check-player", str(players), "--size", "2", "--seconds-per-move", "20", "--swap"]
    assert cli.main(words) == 1
    heard = capsys.readouterr().out
    assert re.fullmatch(r"bad.py:\nBAD   .*\ngood.py:\nok    .*\nIt plays.\n\nThese would forfeit games: bad.py\n", heard, re.DOTALL)
    bad.unlink()
    assert cli.main(words) == 0
    assert capsys.readouterr().out.endswith("It plays.\n\nAll of them play.\n")


def test_the_folder_of_a_template_is_made(tmp_path, capsys):
    assert cli.main(["check-player", "--template", str(tmp_path / "new" / "deep" / "ada.py")]) == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "deep", "ada.py"]
    inside = tmp_path / "new" / "deep" / "ada.py" / "bob.py"
    capsys.readouterr()
    assert cli.main(["check-player", "--template", str(inside)]) == 2
    assert capsys.readouterr().err == f"hexlab: {inside.parent} is a file: name a folder\n"


def test_a_tournament_leaves_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    (tmp_path / "players").mkdir()
    (tmp_path / "players" / "ann.py").write_text("def choose_move(board, generator, seconds):\n    return board.legal_moves[0]")
    words = ["--players", str(tmp_path / "players"), "--size", "3", "--games", "2", "--out", str(tmp_path / "out")]
    assert cli.main(["tournament", *words, "--seconds-per-move", "20", "--swap", "--with", "random", "--with", "perfect"]) == 0
    heard = capsys.readouterr().out
    assert re.search(r"3 of 3  .*\nagent +Elo .*random is 0", heard, re.DOTALL)
    assert "ann" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_program_takes_part_in_a_tournament_and_a_single_file_does_not(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    (tmp_path / "ann.py").write_text("def choose_move(board, generator, seconds):\n    return board.legal_moves[0]")
    fake = pathlib.Path(__file__).parents[1] / "arena" / "fake_gtp.py"
    words = ["tournament", "--players", str(tmp_path), "--size", "3", "--games", "2", "--seconds-per-move", "20"]
    out = tmp_path / "out"
    assert cli.main([*words, "--with", f'gtp:"{sys.executable}" -S "{fake}" refuses to move', "--out", str(out)]) == 0
    assert "ann 2 : 0 gtp:" in capsys.readouterr().out
    assert "refused 'genmove" in (out / "matches.jsonl").read_text(encoding="utf-8")
    assert cli.main([*words, "--with", str(tmp_path / "ann.py"), "--out", str(out)]) == 2
    assert "ann.py: put the file into " in capsys.readouterr().err
