"""The command line: ``hexlab COMMAND``, each command a class here; `COMMANDS` lists them.

Commands only compose what the rooms offer, and load a room when they need it, so that ``hexlab --help`` answers at once.
Whatever a user can get wrong ends in one line on stderr and exit code 2, an interrupt in 130, SIGTERM in 143.
"""

import contextlib
import dataclasses
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, ClassVar, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

import hexlab
from hexlab.errors import ConfigError, HexlabError

__all__ = ["COMMANDS", "main"]

_ABOUT = (
    "Agents that teach themselves Hex, a tournament anchored to perfect play, and the scaling laws of both."
    " `hexlab --version` prints the version."
)
_SAME_COMMAND = "the same command goes on where it was"
_NET_OF_9X9 = "--width 512 --depth 4 --samples 94_000_000 --learning-rate 2e-3"


class _Command:
    dials: ClassVar[str]
    """What to turn when memory runs out, in words that follow "out of memory: "."""

    def run(self) -> int | None:
        raise NotImplementedError

    def tell_way_on(self) -> str:
        """Return what goes on with the work after an interrupt, empty where nothing does."""
        return ""


@dataclasses.dataclass(frozen=True)
class Reproduce(_Command):
    """Train a grid of networks, rate them against perfect play, fit the scaling laws and write one report.

    Started again after an interruption, it goes on where it was.
    """

    dials: ClassVar[str] = "use fewer workers (--workers) or a smaller scale (--scale)"

    scale: str = "laptop"
    """What to run: 'tiny' (3x3, about a minute on 2 cores), 'laptop' (3x3 to 5x5, 15 to 30 minutes on 4 cores), 'workstation' (3x3 to 7x7
    and one network on 9x9, a day) or 'paper' (all of the original, about 500 hours of a GPU); or one that --experiment declares."""
    experiment: Path | None = None
    """File of scales of your own, in TOML, in place of those above; the guide shows one (Bring your own)."""
    out: Path = Path("runs/reproduce")
    """Folder for the networks, tables, figures and the report."""
    sizes: tuple[int, ...] | None = None
    """Boards of the scale to run, such as 6 7. Default: all. `hexlab join` makes one experiment of folders with different boards."""
    workers: int | None = None
    """Processes to use, as many as cores. Default: the cores that are available. Results do not depend on it."""
    cluster: str | None = None
    """Scheduler of a dask cluster, such as tcp://127.0.0.1:8786, whose workers do the work instead; they share the folder of --out."""

    def run(self) -> None:
        """Run the pipeline."""
        _check_positive("--workers", self.workers)
        from hexlab.app.progress import show_progress
        from hexlab.lab import pipeline

        settings: dict[str, Any] = {
            "sizes": self.sizes, "workers": self.workers, "cluster": self.cluster, "experiment": self.experiment,
        }  # fmt: skip
        show_progress(pipeline.reproduce(self.scale, self.out, **settings))
        print(f"report: {self.out / 'report.html'}")

    def tell_way_on(self) -> str:
        """Name this command."""
        return _SAME_COMMAND


@dataclasses.dataclass(frozen=True, kw_only=True)
class Join(_Command):
    """Make one experiment of folders of `hexlab reproduce` that ran different boards of one scale, on different machines say.

    Its tables are those that one folder with all boards would have had: boards without perfect play take their zero from the smaller ones.
    """

    dials: ClassVar[str] = "free some, for the tables of all folders are held at once"

    folders: Positional[tuple[Path, ...]]
    """Finished folders, two at least; of each its tables and its manifest.json are read."""
    out: Path
    """Folder to create; `hexlab figures`, `hexlab results` and `hexlab predict` read its tables."""

    def run(self) -> None:
        """Read, check and write."""
        from hexlab.lab.joining import join_runs

        for path in join_runs(self.folders, self.out, say=_say):
            print(path)


@dataclasses.dataclass(frozen=True)
class Status(_Command):
    """Tell how a job of `hexlab reproduce` stands, from another terminal or computer, or after its death.

    The exit code is 0 if it gets on or is finished and nothing failed, else 1.
    """

    dials: ClassVar[str] = "free some, for this command needs little"

    out: Positional[Path] = Path("runs/reproduce")
    """Folder of the job."""
    json: bool = False
    """Print one line of JSON."""

    def run(self) -> int:
        """Read and print."""
        from hexlab.lab.status import read_status

        status = read_status(self.out)
        print(json.dumps(status.to_dict()) if self.json else status)
        return 0 if status.well else 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(_Command):
    """Train an agent by self-play alone; the defaults are those of a preset for the board size."""

    dials: ClassVar[str] = "lower --boards, --simulations, --buffer, --batch, --width or --threads"

    out: Path
    """Folder to create for the run."""
    preset: Literal["default", "paper"] = "default"
    """Settings that the other flags change: a strong agent within minutes, or training as in Jones 2021, scaled to one machine."""
    threads: int | None = None
    """Threads to use. Default: the cores that are available. Results do not depend on it."""
    from_preset: ClassVar[tuple[str, ...]] = ()
    """Of net and length what was not given by a flag."""

    def run(self) -> None:
        """Train."""
        _check_positive("--threads", self.threads)
        from hexlab import arena, training
        from hexlab.app.progress import show_reports
        from hexlab.lab import health

        config = getattr(self, "config", None) or training.Config()
        reports = training.train(config, self.out, threads=self.threads)
        if told := self._tell_borrowed(config.size, config.net):
            _say(told)
        show_reports(health.watch(reports, self.out))
        test = "verify" if config.size in (*health.SOLVED_SIZES, *arena.SUITE_SIZES) else "topp"
        print(f"done: {self.out} (try `hexlab {test} {self.out}` or `hexlab play --agent {self.out}`)")

    def tell_way_on(self) -> str:
        """Name the command that goes on with the run, if it has begun."""
        return f"`hexlab resume {self.out}` goes on where it was" if self.out.exists() else ""

    def _tell_borrowed(self, size: int, net: str) -> str:
        """Say what a run takes from the preset of a smaller board, as there is none for its own; "" if nothing."""
        from hexlab.training import find_preset_size, preset

        made_for = find_preset_size(size, self.preset)
        settings = preset(size, self.preset) if self.preset == "paper" else preset(size, net=net)
        borrowed = [f"--{name} {settings[name]}" for name in self.from_preset]
        if made_for >= size or not borrowed:
            return ""
        words = f"{borrowed[0]} is that" if len(borrowed) == 1 else f"{', '.join(borrowed[:-1])} and {borrowed[-1]} are those"
        told = f"hexlab: there is no preset for {size}x{size}: {words} of {made_for}x{made_for}, most likely too little"
        return told if self.preset == "paper" or net != "dense" else f"{told}; a start is {_NET_OF_9X9}, the lab's own net of 9x9"


@dataclasses.dataclass(frozen=True)
class Resume(_Command):
    """Go on with a run that was interrupted; it ends in the same bytes as an uninterrupted one."""

    dials: ClassVar[str] = "use fewer threads (--threads), or a machine with more memory"

    out: Positional[Path]
    """Folder of the run."""
    threads: int | None = None
    """Threads to use. Default: the cores that are available. Results do not depend on it."""

    def run(self) -> None:
        """Resume."""
        _check_positive("--threads", self.threads)
        from hexlab import training
        from hexlab.app.progress import show_reports
        from hexlab.lab import health

        if not show_reports(health.watch(training.resume(self.out, threads=self.threads), self.out)):
            print(f"{self.out} was finished already")
        print(f"done: {self.out}")

    def tell_way_on(self) -> str:
        """Name this command."""
        return _SAME_COMMAND


@dataclasses.dataclass(frozen=True)
class Verify(_Command):
    """Measure how often an agent gives a won position away, with 95 % intervals.

    It is asked about positions of its own games, random ones and the solved suites, and plays out the openings that theory gives it.
    """

    dials: ClassVar[str] = "lower --simulations or --positions"

    agent: Positional[Path]
    """Folder of a run, or a file of parameters."""
    simulations: UseAppendAction[tuple[int, ...]] = ()
    """Network evaluations a move; give it several times for several budgets. Default: 1, 64 and 512."""
    positions: int = 1000
    """Random won positions to ask about."""
    seed: int = 0
    """Seed of the random positions and of the games."""
    skip_games: bool = False
    """Do not play out the openings that theory gives the agent (at 64 simulations a move, or the budget given last)."""
    json: bool = False
    """Print JSON, one line a measurement."""

    def run(self) -> None:
        """Measure and print each figure as it comes."""
        from hexlab.lab import verification

        budgets = self.simulations or (1, 64, 512)
        games_at = None if self.skip_games else self.simulations[-1] if self.simulations else 64
        told = False
        for finding in verification.verify(self.agent, budgets, positions=self.positions, seed=self.seed, games_at=games_at):
            if not told and finding.where.startswith("solved suite"):  # where the solver reaches, random positions come first
                print("hexlab: no solver covers this board: solved suites only; no --positions, own games or openings", file=sys.stderr)
            told = True
            print(json.dumps(finding.to_dict()) if self.json else finding, flush=True)


@dataclasses.dataclass(frozen=True)
class Agents(_Command):
    """List the trained agents that come with hexlab, or print the card of one: strength, cost and origin."""

    dials: ClassVar[str] = "ask for one board (--size)"

    agent: Positional[str | None] = None
    """An agent, such as 4x4 or pretrained:4x4, for its card. Default: all, in a table."""
    size: int | None = None
    """Board size. Default: all."""
    json: bool = False
    """Print JSON, one line an agent, with all that the cards say."""

    def run(self) -> None:
        """Read and print."""
        from hexlab import cards
        from hexlab.app import catalog

        if self.agent is not None and self.size is not None:
            raise ConfigError(f"{self.agent} and --size {self.size}: give the name of an agent, or a board size")
        if self.size is not None:
            cards.find_card(self.size)
        chosen = cards.list_cards(self.size) if self.agent is None else [cards.find_card(self.agent.removeprefix("pretrained:"))]
        if self.json:
            print("\n".join(json.dumps(card.to_dict(), sort_keys=True) for card in chosen))
        elif self.agent is None:
            print(catalog.make_table(chosen))
        else:
            print(catalog.describe_card(chosen[0]), end="")


@dataclasses.dataclass(frozen=True)
class Play(_Command):
    """Play against an agent at the terminal: type a move such as c3, or help."""

    dials: ClassVar[str] = "lower --simulations or --size"

    agent: str = "pretrained"
    """Opponent: 'pretrained', one of `hexlab agents` ('pretrained:5x5'), a run, a parameter file, 'random', 'perfect' (up to 6x6),
    'rollouts' (no network), a player's file (.py), or 'gtp:' and a command."""
    size: int | None = None
    """Board size. Default: the agent's, or 5."""
    simulations: int = 64
    """Evaluations the agent's search may use for a move; 1 plays the raw policy."""
    color: Literal["black", "white"] = "black"
    """Your color. Black moves first and joins top and bottom."""
    swap: bool = False
    """Play by the swap rule: White may answer the first move by taking it over, mirrored (type swap)."""
    opening: str = ""
    """Moves that are made already, Black first, such as "c3 b2"."""
    seed: int = 0
    """Seed of the agent's draws."""

    def run(self) -> None:
        """Play a game."""
        _check_positive("--simulations", self.simulations)
        from hexlab import arena
        from hexlab.app.agents import find_agent

        agent = find_agent(self.agent, self.simulations, seconds=60.0)
        size = agent.usual_size if self.size is None else self.size
        person = arena.HumanPlayer()
        with agent.open(size) as player:
            black, white = (person, player) if self.color == "black" else (player, person)
            arena.play_game(black, white, size, self.opening, self.seed, self.swap)


@dataclasses.dataclass(frozen=True)
class Gtp(_Command):
    """Answer GTP commands on stdin and stdout: a Hex engine for HexGui, Benzene's scripts and other programs."""

    dials: ClassVar[str] = "lower --simulations"

    agent: str = "pretrained"
    """Who plays: 'pretrained', one of `hexlab agents` ('pretrained:5x5'), the folder of a run, a parameter file, 'random', 'perfect' or
    'rollouts', the searching ones with '@64' for their simulations."""
    simulations: int | None = None
    """Evaluations for a move of an agent that does not say its own. Default: 256 without a clock, and as many as time allows with one."""
    seconds_per_move: float | None = None
    """Wall-clock seconds for a move of a search. Default: no limit but the clock that the other program sets."""
    swap: bool = False
    """Play by the swap rule (swap-pieces)."""
    seed: int = 0
    """Seed of the agent's draws."""
    logfile_name: Path | None = None
    """File to write the conversation to."""

    def run(self) -> None:
        """Answer until quit, or the end of the input."""
        _check_positive("--simulations", self.simulations)
        _check_positive("--seconds-per-move", self.seconds_per_move)
        from hexlab.app import gtp

        def make() -> gtp.Engine:
            from hexlab.app.agents import find_agent

            agent = find_agent(self.agent, self.simulations or 256)
            return gtp.Engine(agent, None, self.simulations, self.seconds_per_move, self.swap, self.seed)

        gtp.answer_process(make, self.logfile_name)


@dataclasses.dataclass(frozen=True)
class Match(_Command):
    """Let two players meet on random openings, each with both colors, one game after the other."""

    dials: ClassVar[str] = "lower --simulations or --size"

    player: UseAppendAction[tuple[str, ...]] = ()
    """Twice: 'random', 'perfect', 'rollouts', 'pretrained', a run or a parameter file, the searching ones with '@64' for their
    simulations; or a player's file (.py), or 'gtp:' and a command."""
    size: int | None = None
    """Board size. Default: the players' usual one."""
    games: int = 20
    """Games to play, an even number: two from each opening."""
    simulations: int = 64
    """Evaluations for a move of a player that does not say its own."""
    swap: bool = False
    """Play by the swap rule: openings have one move, and White may take it over."""
    time_limit: float = 60.0
    """Wall-clock seconds that a GTP program or a player's file may take for a move; one that takes longer loses the game. Programs are not
    told: set their time by their own options."""
    seed: int = 0
    """Seed of the openings and of the players' draws."""
    out: Path | None = None
    """File for the games, in SGF."""

    def run(self) -> None:
        """Play, and print each game and the score."""
        _check_positive("--simulations", self.simulations)
        _check_positive("--time-limit", self.time_limit)
        if len(self.player) != 2:
            raise ConfigError(f"{len(self.player)} players: give --player twice, such as --player pretrained:5@64 --player perfect")
        if self.games < 2 or self.games % 2:
            raise ConfigError(f"--games {self.games}: give an even number from 2 up, as every opening is played twice")
        from hexlab.app import meeting

        settings: dict[str, Any] = {
            "simulations": self.simulations, "seconds": self.time_limit, "seed": self.seed, "swap": self.swap, "out": self.out,
        }  # fmt: skip
        meeting.play(*self.player, self.size, self.games, **settings)


@dataclasses.dataclass(frozen=True)
class CheckPlayer(_Command):
    """Try a student's player, or a folder of them, in real games and say in plain words what is wrong; exit code 0 if all play, else 1.

    Each runs in a process of its own, with limits on time and memory. That is no sandbox: its code may do whatever you may do.
    """

    dials: ClassVar[str] = "lower --size"

    file: Positional[Path | None] = None
    """The player's Python file, or a folder of players' files."""
    template: bool = False
    """Write a file to start from, which plays: hexlab check-player --template my_player.py. Without a name it is printed."""
    size: UseAppendAction[tuple[int, ...]] = ()
    """Board size to play on; give it several times for several. Default: 3, 5 and 7."""
    seconds_per_move: float = 2.0
    """Wall-clock seconds for a move."""
    memory: int = 1024
    """Megabytes of resident memory, of which Python and the rules take about 170."""
    swap: bool = False
    """Play by the swap rule: the player may answer Black's first move by swap-pieces."""
    seed: int = 0
    """Seed of the games."""

    def run(self) -> int:
        """Check, and print each finding as it comes."""
        _check_positive("--seconds-per-move", self.seconds_per_move)
        _check_positive("--memory", self.memory)
        from hexlab import arena

        if self.template:
            self._write(arena.read_template())
            return 0
        if self.file is None:
            raise ConfigError("no player: give a Python file, or --template for one to start from")
        if not self.file.is_dir():
            return int(not self._plays(self.file))
        failed = []
        for path in arena.find_submissions(self.file):
            print(f"{path.name}:")
            if not self._plays(path):
                failed.append(path.name)
            print()
        print(f"These would forfeit games: {', '.join(failed)}" if failed else "All of them play.")
        return int(bool(failed))

    def _write(self, template: str) -> None:
        from hexlab.system import make_folder, write_whole

        if self.file is None:
            print(template, end="")
        elif self.file.exists():
            raise ConfigError(f"{self.file} is there already: give the template another name")
        else:
            make_folder(self.file.parent)
            write_whole(self.file, template)
            print(f"{self.file} plays; change it, and try it: hexlab check-player {self.file}")

    def _plays(self, path: Path) -> bool:
        from hexlab import arena

        plays = True
        sizes = self.size or (3, 5, 7)
        for finding in arena.check_submission(path, sizes, self.seconds_per_move, self.memory, self.seed, self.swap):
            plays &= finding.kind != "bad"
            print(finding, flush=True)
        print("It plays." if plays else "It would forfeit games: mend what is marked BAD.", flush=True)
        return plays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tournament(_Command):
    """Let the players' files of a folder meet, and write a page with the table, the forfeits and every game to step through.

    Each plays in a process of its own; crashes, illegal moves, and too much time or memory forfeit the game, with the reason. That is no
    sandbox: the files' code may do whatever you may do. Started again after an interruption, it goes on where it was.
    """

    dials: ClassVar[str] = "lower --memory or --workers"

    players: Path
    """Folder with one Python file for each player (see `hexlab check-player --template`)."""
    with_: Annotated[UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="with")] = ()
    """Reference player that joins, such as 'random', 'perfect', 'rollouts@16', 'pretrained@16', or 'gtp:' and a command; give it several
    times for several."""
    size: int = 7
    """Board size."""
    games: int = 4
    """Games of each pair, an even number: half as many openings of two moves, each with both colors."""
    swap: bool = False
    """Play by the swap rule: openings have one move, and White may take it over."""
    seed: int = 0
    """Seed of the openings and of the players' generators."""
    seconds_per_move: float = 2.0
    """Wall-clock seconds for a move."""
    memory: int = 1024
    """Megabytes of resident memory for a player, of which Python and the rules take about 170."""
    workers: int = 1
    """Matches to play at once. More than half the cores may cost players time."""
    out: Path = Path("tournament")
    """Folder for the games and the page, index.html."""

    def run(self) -> None:
        """Play, and write the page."""
        _check_positive("--seconds-per-move", self.seconds_per_move)
        _check_positive("--memory", self.memory)
        _check_positive("--workers", self.workers)
        from hexlab import arena
        from hexlab.app import standings
        from hexlab.app.agents import find_agent

        rules = arena.Rules(self.size, self.games, self.seed, self.seconds_per_move, self.memory, self.swap)
        files = arena.find_submissions(self.players)
        with contextlib.ExitStack() as stack:
            references = [stack.enter_context(find_agent(words, 16, self.seconds_per_move).open(self.size)) for words in self.with_]
            for words, player in zip(self.with_, references, strict=True):
                if isinstance(player, arena.SubmissionPlayer):
                    raise ConfigError(f"--with {words}: put the file into {self.players}, whose players all take part")
            standings.show(arena.play_contest(files, self.out, rules, references, self.workers), self.out)

    def tell_way_on(self) -> str:
        """Name this command."""
        return _SAME_COMMAND


@dataclasses.dataclass(frozen=True)
class Topp(_Command):
    """Let snapshots of a run meet, the tournament of progressive policies: does training make the agent stronger?"""

    dials: ClassVar[str] = "lower --simulations or --games"

    run_: Annotated[Positional[Path], tyro.conf.arg(name="run")]
    """Folder of the run, finished or not."""
    snapshots: int = 8
    """Snapshots to take, spread evenly over the run."""
    simulations: int = 1
    """Network evaluations a move; 1 plays the raw policy."""
    games: int = 40
    """Games of each pair, an even number: half as many openings, each with both colors."""
    seed: int = 0
    """Seed of the openings."""
    out: Path | None = None
    """Folder for the figure and the numbers, topp.svg and topp.json. Default: the run's."""

    def run(self) -> None:
        """Play, print the tables and write the figure."""
        _check_positive("--simulations", self.simulations)
        from hexlab.lab import topp
        from hexlab.system import check_writable

        if self.out is not None:
            check_writable(self.out)
        result = topp.play_topp(self.run_, self.snapshots, self.simulations, self.games, self.seed)
        print(result)
        for path in topp.write_topp(result, self.out or self.run_):
            print(path)


@dataclasses.dataclass(frozen=True)
class Web(_Command):
    """Serve a page on this machine: play an agent, watch it think, step through its search, watch runs learn."""

    dials: ClassVar[str] = "give a folder with fewer runs (--runs)"

    host: str = "127.0.0.1"
    """Address to listen on. The default answers this machine alone; others let everyone who reaches it play."""
    port: int = 8765
    """Port to listen on; 0 takes a free one."""
    runs: Path = Path("runs")
    """Folder in which runs and the tables of tournaments are looked for."""

    def run(self) -> None:
        """Serve until interrupted."""
        try:
            from hexlab.app.web.server import serve
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"the page needs {error.name}, which is not installed: install hexlab with its extra web, as you installed hexlab:"
                ' python -m pip install -e ".[web]"'
            ) from None
        try:
            serve(self.runs, self.host, self.port)
        except _Terminated:
            raise
        except KeyboardInterrupt:
            pass


@dataclasses.dataclass(frozen=True)
class Solve(_Command):
    """Tell who wins a position on boards up to 6x6, and by which moves."""

    dials: ClassVar[str] = "lower --size"

    size: int = 5
    """Board size."""
    moves: str = ""
    """Moves from the empty board, Black first, such as "c3 b2"."""
    json: bool = False
    """Print one line of JSON."""

    def run(self) -> None:
        """Solve and print."""
        from hexlab.rules import solver

        board = hexlab.Board.from_moves(self.moves, size=self.size)
        answer = solver.describe(board)
        if self.json:
            print(json.dumps(answer))
            return
        print(board)
        winner, names = str(answer["winner"]).capitalize(), answer["winning_moves"]
        if isinstance(names, list) and names:
            print(f"{winner} wins with {' '.join(names)}.")
        elif board.winner is None:
            print(f"{winner} wins, whatever {board.turn} plays.")


@dataclasses.dataclass(frozen=True)
class Bench(_Command):
    """Measure the speed of this machine: random moves, search, self-play, network and learner, and search's share of the network's."""

    dials: ClassVar[str] = "lower --boards, --size, --threads or the network (--net)"

    size: int = 9
    """Board size of random play and of search with a free evaluator."""
    net: tuple[str, ...] = ("5:64x4",)
    """Networks of search, self-play, evaluation and learner, one or several: size:widthxdepth, or size:hexwidthxdepth to convolve."""
    seconds: float = 1.0
    """Wall-clock seconds of one repetition of a measurement."""
    repeats: int = 5
    """Repetitions; their median, least and most are given."""
    threads: int = 1
    """Threads that share the work of self-play and of search, each with a group of boards of its own."""
    boards: int = 256
    """Boards of a group: the batch of a network call."""
    json: bool = False
    """Print JSON with facts about the machine."""
    compare: Path | None = None
    """A stored run, written with --json on the same machine: print ratios, flag what fell by more than a tenth, and end with 1 if any."""

    def run(self) -> None:
        """Measure and print."""
        from hexlab.app import bench

        settings: dict[str, Any] = {
            "size": self.size, "nets": self.net, "seconds": self.seconds, "repeats": self.repeats, "threads": self.threads,
            "boards": self.boards,
        }  # fmt: skip
        stored = bench.read_run(self.compare) if self.compare else None
        measures = []
        for measure in bench.measure_all(**settings):
            measures.append(measure)
            if not self.json:
                print(measure, flush=True)
        if self.json:  # whatever comes of the comparison
            print(bench.to_json(measures, **settings))
        changes, remarks = bench.compare(measures, stored, **settings) if stored else ([], [])
        for line in [*changes, *remarks]:
            print(line, file=sys.stderr if self.json else sys.stdout)
        if any(change.fell for change in changes):
            raise SystemExit(1)


@dataclasses.dataclass(frozen=True)
class Rate(_Command):
    """Rate the games of an experiment's tables again, as after an update that changed how Elo is made; figures and results come after."""

    dials: ClassVar[str] = "free some, for the games of all boards are held at once"

    tables: Path = Path("experiments/01_frontier/tables")
    """Folder of the tables; ratings.csv is written anew there."""
    check: bool = False
    """Write nothing; say which ratings are not those of the games, and exit with code 1 if some are not."""

    def run(self) -> int:
        """Write or check."""
        from hexlab import scaling

        found = scaling.rate_tables(self.tables, check=self.check, say=_say)
        print("\n".join(found) if found else f"all ratings of {self.tables} are those of its games")
        return int(self.check and bool(found))


@dataclasses.dataclass(frozen=True)
class Figures(_Command):
    """Draw the figures from an experiment's tables, and write the paper's tables beside ours, without weights and without a GPU."""

    dials: ClassVar[str] = "lower --bootstrap"

    tables: Path = Path("experiments/01_frontier/tables")
    """Folder of the tables."""
    out: Path = Path("plots")
    """Folder of the figures and of the numbers behind them."""
    bootstrap: int = 400
    """Bootstrap copies behind each interval of new figures."""
    seed: int = 0
    """Seed of the copies."""
    check: bool = False
    """Write nothing; say how the figures in the folder differ from what the tables give, and exit with code 1 if they do."""
    redraw: bool = False
    """Compute nothing: draw the figures in the folder from the numbers that lie beside them, after a change of how figures look."""

    def run(self) -> int:
        """Draw or check."""
        _check_positive("--bootstrap", self.bootstrap)
        if self.check and self.redraw:
            raise ConfigError("--check and --redraw: give one; --check writes nothing, --redraw writes the drawings")
        from hexlab import scaling

        if self.redraw:
            for path in scaling.redraw_figures(self.out):
                print(path)
            return 0
        if not self.check:
            tables = scaling.read(self.tables)
            for path in scaling.write_figures(tables, self.out, bootstrap=self.bootstrap, seed=self.seed, say=_say):
                print(path)
            return 0
        drifts = scaling.check_figures(self.tables, self.out)
        print("\n".join(drifts) if drifts else f"the figures in {self.out} are those of {self.tables}")
        return 1 if drifts else 0


@dataclasses.dataclass(frozen=True)
class Results(_Command):
    """Compute every number that pages quote from an experiment's tables, and fill it into the marked places of the pages."""

    dials: ClassVar[str] = "lower --bootstrap"

    tables: Path = Path("experiments/01_frontier/tables")
    """Folder of the tables; results.json is kept there."""
    pages: tuple[Path, ...] = (Path("experiments/01_frontier/README.md"), Path("README.md"))
    """Markdown pages to fill: what stands between <!--= NAME --> and <!--/--> becomes the result of that name."""
    bootstrap: int = 400
    """Bootstrap copies behind each interval."""
    seed: int = 0
    """Seed of the copies."""
    check: bool = False
    """Write nothing; say how results.json and the pages differ from what the tables give, and exit with code 1 if they do."""

    def run(self) -> int:
        """Write or check."""
        _check_positive("--bootstrap", self.bootstrap)
        from hexlab import scaling

        if not self.check:
            for path in scaling.write_results(self.tables, self.pages, bootstrap=self.bootstrap, seed=self.seed):
                print(path)
            return 0
        drifts = scaling.check_results(self.tables, self.pages)
        print("\n".join(drifts) if drifts else f"all numbers are those of {self.tables}")
        return 1 if drifts else 0


@dataclasses.dataclass(frozen=True)
class Predict(_Command):
    """Foretell a board from the smaller ones of an experiment, or score a forecast once the board is measured."""

    dials: ClassVar[str] = "lower --bootstrap"

    size: int
    """Board to foretell: from two smaller ones up."""
    tables: Path = Path("experiments/01_frontier/tables")
    """Folder of the tables."""
    out: Path | None = None
    """File of the forecast, JSON; one that is there is not written over."""
    score: Path | None = None
    """A forecast to score by the tables, in place of making one."""
    bootstrap: int = 400
    """Bootstrap copies behind each interval."""
    seed: int = 0
    """Seed of the copies."""

    def run(self) -> None:
        """Foretell or score."""
        _check_positive("--bootstrap", self.bootstrap)
        if self.out is not None and self.score is not None:
            raise ConfigError("--out and --score: give one; --out keeps a new forecast, --score reads one and writes nothing")
        from hexlab import scaling
        from hexlab.rules.cells import check_size
        from hexlab.system import check_writable, make_folder, write_whole

        check_size(self.size)
        if self.out is not None:
            if self.out.exists():
                raise ConfigError(f"{self.out} is there already: a forecast is not changed afterwards, choose another file")
            check_writable(self.out.parent)
        tables = scaling.read(self.tables)
        if self.score is not None:
            forecast = scaling.read_forecast(self.score)
            if forecast.size != self.size:
                of = f"{forecast.size}x{forecast.size}"
                raise ConfigError(f"{self.score} foretells {of}, not {self.size}x{self.size}: name the size that it is of")
            print("\n".join(map(str, scaling.score_forecast(forecast, tables))))
            return
        forecast = scaling.forecast_board(tables, self.size, bootstrap=self.bootstrap, seed=self.seed)
        print(forecast)
        if self.out is not None:
            make_folder(self.out.parent)
            write_whole(self.out, forecast.to_json())
            print(self.out)


COMMANDS: dict[str, type] = {
    "reproduce": Reproduce,
    "join": Join,
    "status": Status,
    "train": Train,
    "resume": Resume,
    "verify": Verify,
    "agents": Agents,
    "play": Play,
    "gtp": Gtp,
    "match": Match,
    "check-player": CheckPlayer,
    "tournament": Tournament,
    "topp": Topp,
    "web": Web,
    "solve": Solve,
    "bench": Bench,
    "rate": Rate,
    "figures": Figures,
    "results": Results,
    "predict": Predict,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: words after ``hexlab``; those of the process if not given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads wait for one another: on busy cores they cost 100 times more
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # on Windows a file may know fewer letters than the name of a player has
            stream.reconfigure(errors="backslashreplace")
    dials, command = "use smaller numbers", None
    if words == ["--version"]:
        print(f"hexlab {hexlab.__version__}")
        return 0
    try:
        with _end_on_sigterm():
            command = _parse(words)
            dials = command.dials
            status = command.run()
            sys.stdout.flush()
        return status or 0
    except HexlabError as error:
        return _complain(error)
    except KeyboardInterrupt as error:
        terminated = isinstance(error, _Terminated)
        way_on = command.tell_way_on() if command else ""
        _complain(f"{error if terminated else 'interrupted'}{'; ' if way_on else ''}{way_on}")
        return 143 if terminated else 130
    except MemoryError:
        return _complain(f"out of memory: {dials}")
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _complain(f"{told}; check that the path is right, that you may use it, and that its disk has room")
    except RuntimeError as error:
        return _complain(_explain(error, dials))


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which systemd, SLURM and `kill` send to end a process: it takes the way of an interrupt."""


@contextlib.contextmanager
def _end_on_sigterm() -> Iterator[None]:
    """Raise `_Terminated` at the first SIGTERM, unless somebody has a plan for it already, or this is a thread that cannot have one."""

    def end(number: int, frame: FrameType | None) -> None:
        # A second one would interrupt what is being put in order. Were it ignored, processes started from now on would ignore it too.
        signal.signal(number, lambda number, frame: None)
        raise _Terminated("terminated")

    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _say(text: str) -> None:
    """Tell what takes a while, beside the results."""
    print(text, file=sys.stderr, flush=True)


def _complain(message: object) -> int:
    print(f"hexlab: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def _explain(error: RuntimeError, dials: str) -> str:
    """Say what to do about failures of the runtime that a user can cause; anything else is a defect and is raised again."""
    from concurrent.futures import BrokenExecutor

    if "RESOURCE_EXHAUSTED" in str(error):  # how JAX reports that memory ran out
        return f"out of memory on the device: {dials}"
    if isinstance(error, BrokenExecutor):
        return f"a worker process was killed, most often for want of memory: {dials}"
    raise error


def _parse(words: list[str]) -> _Command:
    """Return the command that the words describe; ``--help`` prints and leaves, a mistake raises `ConfigError`."""
    name = words[0] if words and words[0] in COMMANDS else None
    if name is None:
        return _read("hexlab", _any_command(), words, _ABOUT)
    kind = _train_with_config(words) if name == "train" else COMMANDS[name]
    return _read(f"hexlab {name}", kind, words[1:])


def _read(program: str, kind: Any, words: list[str], about: str | None = None) -> Any:
    """Let tyro read the words, and turn the page it writes about a mistake into one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=program, description=about, args=words, config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
    raise ConfigError(f"{_one_line(said.getvalue())} (see `{program} --help`)")


def _any_command() -> Any:
    """Return the union of all commands, each under its name."""
    kinds = tuple(Annotated[kind, tyro.conf.subcommand(name)] for name, kind in COMMANDS.items())
    union: Any = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union


def _train_with_config(words: list[str]) -> type:
    """Return `Train` with a flag for every setting of a run, whose defaults are the preset for the size, net and recipe given."""
    from hexlab.training import Config, preset

    left = ["width", "depth", "samples"]
    given = {"size": str(Config.size), "preset": "default"}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        flag, _, value = word.partition("=")
        if flag in ("--size", "--preset", "--net", "--recipe"):
            given[flag[2:]] = value or following
        elif flag[2:] in left and flag.startswith("--"):
            left.remove(flag[2:])
    size = int(given["size"]) if _is_number(given["size"], int) else Config.size  # what tyro reads, and it complains of the rest
    if given["preset"] == "paper":  # whatever net and recipe are given, they change single settings of it
        defaults = Config(**preset(size, "paper"))
    else:
        defaults = Config(**preset(size, net=given.get("net", Config.net), recipe=given.get("recipe", Config.recipe)))

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TrainWithConfig(Train):
        __doc__ = Train.__doc__
        from_preset: ClassVar[tuple[str, ...]] = tuple(left)
        config: OmitArgPrefixes[Config] = defaults
        """Settings of the run; the defaults are the preset's for the board size. "Paper" is Jones 2021, arXiv 2104.03113."""

    return TrainWithConfig


def _one_line(page: str) -> str:
    """Return what a page of tyro's says, without its frames, its colors, and the help it repeats.

    >>> _one_line("╭─ Value error ─╮\\n│ Unrecognized options: --x │\\n│ ──── │\\n│ For full helptext, run hexlab --help │\\n╰───╯")
    'Unrecognized options: --x'
    >>> _one_line(" Value error \\n ---- \\n  Unrecognized options: --x \\n  ---- \\n  For full helptext, run hexlab --help ")
    'Unrecognized options: --x'
    """
    sections: list[list[str]] = [[]]
    page = re.sub(r"\x1b\[[0-9;]*m", "", page)
    page = re.sub(r"\A\s*.*\n\s*-{3,}\s*\n", "", page)  # the title, which has no frame where the terminal knows none
    for line in page.splitlines():
        text = line.strip("│|╭╮╰╯─ \t")
        if line.startswith("╭") or not text.strip("-"):
            sections.append([])
        else:
            sections[-1].append(text)
    kept = [" ".join(section) for section in sections if section]
    kept = [text for text in kept if not text.startswith(("For full helptext", "Argument helptext"))]
    if not kept:
        return "the command line makes no sense"
    return _explain_number(kept[0]) or "; ".join(kept)


def _explain_number(text: str) -> str | None:
    """Return what to give in place of a word that is no number, if that is what a text of tyro's is about.

    >>> _explain_number("Error parsing --sizes: no type matching {None}|{[INT [INT ...]]} could be instantiated from ['3', 'x'].")
    "--sizes 'x': give whole numbers such as 3 4"
    >>> _explain_number("Error parsing --seconds: could not convert string to float: 'x'")
    "--seconds 'x': give a number"
    """
    found = re.match(r"Error parsing (--\S+): .*?\b(INT|FLOAT|int\(\)|float: )", text)
    if not found:
        return None
    flag, kind = found[1], int if found[2].startswith(("INT", "int")) else float
    words = re.findall(r"'([^']*)'", text)
    word = next((word for word in words if not _is_number(word, kind)), " ".join(words))
    one, several = ("a whole number", "whole numbers such as 3 4") if kind is int else ("a number", "numbers such as 0.5 1")
    return f"{flag} {word!r}: give {several if '...' in text else one}"


def _is_number(word: str, kind: type[int] | type[float]) -> bool:
    with contextlib.suppress(ValueError):
        kind(word)
        return True
    return False


def _check_positive(flag: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigError(f"{flag} {value}: give a number {'from 1 up' if isinstance(value, int) else 'above 0'}")
