"""Who meets whom: everyone meets everyone in a small pool; in a large one neighbors on a ladder, or those whose games tell most."""

import concurrent.futures
import dataclasses
import difflib
import hashlib
import itertools
import math
import threading
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hexlab.arena.matches import Match, Openings, Stopped, all_openings, openings, play_matches, play_until
from hexlab.arena.players import RandomPlayer, SolverPlayer
from hexlab.arena.ratings import believe, fit_games
from hexlab.arena.scheduling import choose_opponents
from hexlab.errors import ConfigError
from hexlab.pairings import count_pairings
from hexlab.protocols import Player
from hexlab.records import Opening, Pairing
from hexlab.rules.cells import check_size
from hexlab.store import Store

__all__ = ["SOLVED_SIZE", "Progress", "Table", "draw_openings", "play_ladder", "play_to_interval", "round_robin"]

SOLVED_SIZE = 5
"""Largest board on which perfect play takes part by default: a move takes milliseconds."""
_AT_ONCE = 32  # matches of a round robin that are played together, for full batches
_TOGETHER = 16  # at most, matches of a round that a thread or worker plays together
_MOST_OPPONENTS = 4  # of an agent in one round, chosen by it
_HOPELESS = 16  # opponents after whom an agent that won or lost everything is asked about no more
_QUIET_SECONDS = 5.0  # without a match that ends, after which a tournament says again how far it is


@dataclasses.dataclass(frozen=True)
class Table(Sequence[Opening]):
    """Results of a pool, one row for each opening of each pair; print it for a table of scores, rate it with `rate`.

    Attributes:
        size: board size.
        rows: the results.
    """

    size: int
    rows: tuple[Opening, ...]

    @property
    def games(self) -> int:
        """The number of games, no two of which share opening, players and colors."""
        return 2 * len(self.rows)

    def __len__(self) -> int:
        """Return the number of rows: openings, each played with both colors."""
        return len(self.rows)

    def __getitem__(self, index):
        """Return a row."""
        return self.rows[index]

    def __iter__(self) -> Iterator[Opening]:
        """Iterate over the rows."""
        return iter(self.rows)

    def __str__(self) -> str:
        """Return games won, out of those played, by the agent on the left against the one above."""
        agents = list(dict.fromkeys(name for row in self.rows for name in (row.first, row.second)))
        won = {pair: [0, 0] for pair in itertools.product(agents, repeat=2)}
        for row in self.rows:
            score = row.first_won_as_black + row.first_won_as_white
            for pair, wins in (((row.first, row.second), score), ((row.second, row.first), 2 - score)):
                won[pair][0] += wins
                won[pair][1] += 2
        width = max([*map(len, agents), 7])
        lines = [" ".join(f"{text:>{width}}" for text in ("", *agents))]
        for agent in agents:
            cells = [f"{won[agent, other][0]}/{won[agent, other][1]}" if won[agent, other][1] else "" for other in agents]
            lines.append(" ".join(f"{text:>{width}}" for text in (agent, *cells)).rstrip())
        lines.append(f"{self.size}x{self.size}, {self.games} different games")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a tournament is.

    Attributes:
        stage: "references" or "round 1", "round 2", ...; where rounds go on until agents are known, how many are not.
        done: matches that are finished, those of earlier sittings included.
        total: matches of the whole tournament; an estimate until the last round begins.
        played: games played in this sitting.
    """

    stage: str
    done: int
    total: int
    played: int


def draw_openings(size: int, first: str, second: str, count: int, seed: int, moves: int = 2) -> Openings:
    """Draw the openings of one pair of agents: other pairs get others, and the order of the two does not matter.

    Independent openings keep the errors of different pairs independent, which the intervals of `rate` take for granted.

    Args:
        size: board size.
        first: name of an agent.
        second: name of another.
        count: openings wanted.
        seed: seed of the tournament.
        moves: moves of an opening.
    """
    low, high = sorted((first, second))
    digest = hashlib.blake2b(f"{seed}\n{low}\n{high}".encode(), digest_size=8).digest()
    return openings(size, count, int.from_bytes(digest, "little"), moves)


def round_robin(players: Sequence[Player], size: int, games_per_pair: int, seed: int, opening_moves: int = 2) -> Table:
    """Let everyone meet everyone.

    Args:
        players: at least two, with different names.
        size: board size.
        games_per_pair: an even number; half as many openings are drawn for each pair. Where the board has fewer, each
            is played once: `Table.games` tells how many games there were.
        seed: any integer.
        opening_moves: moves of an opening: 0, 1 or 2.

    Returns:
        The results.

    Raises:
        ConfigError: fewer than two players, two of one name, or an odd number of games.

    >>> from hexlab.arena import RandomPlayer, SolverPlayer
    >>> table = round_robin([SolverPlayer(2), RandomPlayer()], size=2, games_per_pair=20, seed=0)
    >>> len(table), table.games
    (10, 20)
    """
    players = _check_pool(players)
    if isinstance(games_per_pair, bool) or games_per_pair < 2 or games_per_pair % 2:
        raise ConfigError(f"{games_per_pair!r} games per pair: give an even number, for each opening is played with both colors")
    count = games_per_pair // 2
    matches = [
        Match(first, second, draw_openings(size, first.name, second.name, count, seed, opening_moves))
        for first, second in itertools.combinations(players, 2)
    ]
    rows = []
    for start in range(0, len(matches), _AT_ONCE):
        for played in play_matches(matches[start : start + _AT_ONCE], seed):
            rows += played
    return Table(check_size(size), tuple(rows))


def play_ladder(
    agents: Sequence[Player],
    size: int,
    store: Store,
    *,
    openings_per_pair: int = 50,
    rounds: int = 3,
    neighbors: int = 2,
    seed: int = 0,
    threads: int = 1,
    executor: concurrent.futures.Executor | None = None,
    references: Sequence[Player] | None = None,
) -> Iterator[Progress]:
    """Play a large pool into a store: everyone meets the references, then neighbors in strength meet, round by round.

    Games between agents of like strength tell most about both. Each round rates what has been played, orders the
    agents by that, and lets each meet the next `neighbors` below it that it has not met yet. The references tie the pool
    together and to perfect play.

    A match that the store holds is not played again, so a tournament that was stopped goes on where it was. The
    schedule follows from the arguments and the results alone: stopped and resumed or not, on any number of threads,
    the rows are the same. Each thread or worker plays a few matches together, and these are kept, whole, as soon as they are
    over: when the process is killed, no others are lost.

    Args:
        agents: players with different names; threads share them.
        size: board size.
        store: open for writing.
        openings_per_pair: openings a match, drawn for each pair anew; where the board has fewer, each is played once.
        rounds: rounds after the matches against the references.
        neighbors: opponents that an agent meets below itself in a round.
        seed: any integer.
        threads: threads that play, each its own matches; with an executor, the number of its workers.
        executor: plays in place of threads of its own, for example worker processes; the players must be picklable
            then. Matches under way when the generator is closed are left to its owner.
        references: players whom everyone meets; by default random play and, up to 5x5, perfect play. They are named by
            the size, such as ``random-5`` and ``perfect-5``, since the keys of a store that holds several sizes must
            differ.

    Yields:
        Progress, at the start, after every few matches, and every few seconds in which none ends.

    Raises:
        ConfigError: two players of one name, no references, or a number out of its range.
        StoreError: the store is read-only, or holds other results under these names.
    """
    references = _find_references(size) if references is None else references
    if not references:
        raise ConfigError("a ladder without references may fall apart: give at least one player whom everyone meets")
    for name, value, least in (
        ("openings_per_pair", openings_per_pair, 1), ("rounds", rounds, 0), ("neighbors", neighbors, 1), ("threads", threads, 1),
    ):  # fmt: skip
        _check_whole(name, value, least)
    names = [agent.name for agent in agents]
    pairs = [(agent, reference.name) for agent in names for reference in references]
    pairs += itertools.combinations([reference.name for reference in references], 2)
    with _Tournament([*agents, *references], size, store, seed, threads, executor) as tournament:
        for stage in range(rounds + 1):
            if stage > 0:
                ladder = list(fit_games(tournament.pairings).agents)
                pairs = _pair_neighbors(ladder, set(names), neighbors, set(tournament.openings_played))
            later = _expect(len(names), neighbors, rounds - stage)
            yield from tournament.play(pairs, openings_per_pair, f"round {stage}" if stage else "references", later)


def play_to_interval(
    agents: Sequence[Player],
    size: int,
    store: Store,
    *,
    half_width: float,
    half_widths: Mapping[str, float] | None = None,
    least_opponents: int = 1,
    anchor: str | None = None,
    openings_per_match: int = 16,
    seed: int = 0,
    threads: int = 1,
    executor: concurrent.futures.Executor | None = None,
    references: Sequence[Player] | None = None,
) -> Iterator[Progress]:
    """Play until the rating of every agent and reference is known to a stated interval, with games that tell most.

    At first everyone meets the first reference. Then each round rates what has been played, and every agent whose 95 % interval is too
    wide meets the opponents whose games narrow it most (see `hexlab.arena.scheduling`), until there is none. It takes one at first and
    several in later rounds, no more than it has met before, for the games of an agent cost less together. An agent stays as it is when
    no match would narrow its interval by a four-hundredth for 64 games: in a small pool whose pairs stray far from one number an agent,
    or when it has played every opening against everyone. So does one that won, or lost, all its games
    against sixteen others, and against `least_opponents`.

    As with `play_ladder`, a match that the store holds is not played again, and the schedule follows from the arguments and the
    results alone.

    Args:
        agents: players with different names; threads share them.
        size: board size.
        store: open for writing.
        half_width: half the width of the interval that `rate` gives an agent, Elo: of its distance from the anchor.
        half_widths: the same for agents that are to be known better or worse than the others, by name.
        least_opponents: others whom everyone meets at least, where there are so many. An agent may soon be known well by its games
            with perfect play alone. But those tell only how well it does against that, and its Elo cannot exceed 0.
        anchor: what ratings will be distances from, as for `rate`. An agent that is known to 40 Elo from the mean of its pool is known less
            well from the best of it, whose own place is uncertain too.
        openings_per_match: openings of a match; a pair that meets again plays its next ones.
        seed: any integer.
        threads: threads that play, each its own matches; with an executor, the number of its workers.
        executor: as for `play_ladder`.
        references: as for `play_ladder`, the most important one first; by default perfect play up to 5x5, and random play. They are
            opponents like any other after their first match.

    Yields:
        Progress, at the start of every round, after every few matches, every few seconds in which none ends, and at the end.

    Raises:
        ConfigError: two players of one name, no references, or a number out of its range.
        StoreError: the store is read-only, or holds other results under these names.
    """
    references = _find_references(size)[::-1] if references is None else references
    if not references:
        raise ConfigError("intervals are distances from a reference: give at least one player whom everyone meets")
    half_widths = dict(half_widths or {})
    for name, width in (("half_width", half_width), *((f"half_widths[{agent!r}]", width) for agent, width in half_widths.items())):
        if type(width) not in (int, float) or not 0 < width < math.inf:
            raise ConfigError(f"{name}={width!r}: give a number of Elo above 0, such as 25")
    known = {player.name for player in (*agents, *references)}
    if strange := sorted(half_widths.keys() - known):
        near = difflib.get_close_matches(strange[0], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "leave it out"
        raise ConfigError(f"half_widths names {strange[0]!r}, which does not play: {hint}")
    for name, value in (("least_opponents", least_opponents), ("openings_per_match", openings_per_match), ("threads", threads)):
        _check_whole(name, value, 1)
    pairs = [(player.name, references[0].name) for player in (*agents, *references[1:])]
    with _Tournament([*agents, *references], size, store, seed, threads, executor) as tournament:
        unsettled, later = len(pairs), 0
        while pairs:
            yield from tournament.play(pairs, openings_per_match, _count_unsettled(unsettled), later)
            belief = believe(tournament.pairings, anchor=anchor)
            ladder = (-belief.strengths).argsort(kind="stable")
            played, left = tournament.count_games(belief.agents, openings_per_match)
            for one, other in belief.aside:
                left[one, other] = left[other, one] = 0
            met = np.count_nonzero(played, axis=1)
            aims = np.array([half_widths.get(agent, half_width) for agent in belief.agents])
            wide = (belief.half_widths > aims) & ~(belief.unbounded & (met >= _HOPELESS))
            missing = (min(least_opponents, len(belief.agents) - 1) - met).clip(0)
            asked = ladder[(wide | (missing > 0))[ladder]]
            expected = _expect_matches(belief.half_widths[asked] / aims[asked], tournament.done / len(belief.agents))
            wanted = np.minimum(expected / 2, np.minimum(met[asked], _MOST_OPPONENTS)).clip(1).astype(int) * wide[asked]
            strangers = np.minimum(missing[asked], np.minimum(met[asked], _MOST_OPPONENTS))
            chosen = choose_opponents(belief, asked, wanted, played, left, strangers)
            pairs = [(belief.agents[first], belief.agents[second]) for first, second in chosen]
            unsettled, later = len(asked), max(0, math.floor(np.maximum(expected, missing[asked]).sum()) - len(pairs))
        yield tournament.report(_count_unsettled(unsettled), tournament.done)


def _count_unsettled(agents: int) -> str:
    return f"{agents} agents to play on"


def _find_references(size: int) -> list[Player]:
    references: list[Player] = [RandomPlayer(f"random-{check_size(size)}")]
    return [*references, SolverPlayer(size)] if size <= SOLVED_SIZE else references


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}={value!r}: give a whole number from {least} up")


class _Tournament:
    """Plays what it is told into a store, except for what the store holds, and keeps the results of all that it was told."""

    def __init__(
        self,
        players: Sequence[Player],
        size: int,
        store: Store,
        seed: int,
        threads: int,
        executor: concurrent.futures.Executor | None,
    ) -> None:
        self.pairings: list[Pairing] = []
        self.openings_played: dict[tuple[str, str], int] = {}
        self.done = 0
        self._games = 0
        self._players = {player.name: player for player in _check_pool(players)}
        self._size, self._store, self._seed = size, store, seed
        self._kept = {(row.first, row.second, row.opening): row for row in store.read(Opening, size=size)}
        self._crew = _Crew(threads, seed, executor)

    def __enter__(self) -> "_Tournament":
        self._crew.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._crew.__exit__(*error)

    def play(self, pairs: Sequence[tuple[str, str]], count: int, stage: str, later: int) -> Iterator[Progress]:
        """Let each pair play its next openings, `count` of them, with `later` matches expected after these."""
        total = self.done + len(pairs) + later
        matches = []
        for first, second in (sorted(pair) for pair in pairs):
            before = self.openings_played.get((first, second), 0)
            drawn = draw_openings(self._size, first, second, before + count, self._seed)
            self.openings_played[first, second] = len(drawn)
            old = [self._kept[first, second, name] for name in drawn[before:] if (first, second, name) in self._kept]
            new = [name for name in drawn[before:] if (first, second, name) not in self._kept]
            self.pairings += count_pairings(old)
            if new:
                matches.append(Match(self._players[first], self._players[second], drawn.keep(new)))
        self.done = total - later - len(matches)
        yield self.report(stage, total)
        for played in self._crew.play(matches):
            if played:
                self._store.append(itertools.chain.from_iterable(played))
            for rows in played:
                self.pairings += count_pairings(rows)
                self.done += 1
                self._games += 2 * len(rows)
            yield self.report(stage, total)

    def report(self, stage: str, total: int) -> Progress:
        return Progress(stage, self.done, total, self._games)

    def count_games(self, agents: Sequence[str], count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return [N, N] games played by each pair, and those that its next match of `count` openings has."""
        place = {agent: i for i, agent in enumerate(agents)}
        openings = np.zeros((len(agents), len(agents)), np.int32)
        for (first, second), played in self.openings_played.items():
            openings[place[first], place[second]] = openings[place[second], place[first]] = played
        return 2 * openings, 2 * np.clip(len(all_openings(self._size)) - openings, 0, count)


class _Crew:
    """Those who play matches: threads, stopped before their next ply on leaving the ``with`` block, or somebody else's executor."""

    def __init__(self, threads: int, seed: int, executor: concurrent.futures.Executor | None) -> None:
        self._threads, self._seed, self._executor = threads, seed, executor
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="arena")

    def __enter__(self) -> "_Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def play(self, matches: Sequence[Match]) -> Iterator[list[list[Opening]]]:
        """Yield the rows of each match, a few matches at a time as they end, and nothing where none ends for a while.

        Matches that stand together are played together, for they often share an agent, whose network then sees larger batches.
        """
        together = max(1, min(_TOGETHER, len(matches) // (4 * self._threads)))
        left = (matches[start : start + together] for start in range(0, len(matches), together))
        waiting: set[concurrent.futures.Future] = set()
        try:
            while True:
                waiting |= {self._submit(some) for some in itertools.islice(left, 4 * self._threads - len(waiting))}
                if not waiting:
                    return
                ready, waiting = concurrent.futures.wait(waiting, _QUIET_SECONDS, concurrent.futures.FIRST_COMPLETED)
                if not ready:
                    yield []  # who waits for it may ask why
                if any(match.exception() is not None for match in ready):
                    ready |= self._end(waiting)
                for match in sorted(ready, key=_is_failure):  # a failure loses no match that is over
                    yield match.result()
        finally:
            for match in waiting:
                match.cancel()

    def _end(self, waiting: set[concurrent.futures.Future]) -> set[concurrent.futures.Future]:
        """Stop what is being played, and return all of it that is over, one way or the other."""
        self._stop.set()
        going = {match for match in waiting if not match.cancel()}
        return concurrent.futures.wait(going, timeout=None if self._executor is None else 0).done

    def _submit(self, matches: Sequence[Match]) -> concurrent.futures.Future:
        if self._executor is None:
            return self._pool.submit(play_until, matches, self._seed, self._stop)
        return self._executor.submit(play_matches, matches, self._seed)


def _is_failure(match: concurrent.futures.Future) -> int:
    """Order matches: those that ended, then those that failed, then those that were stopped because others failed."""
    error = match.exception()
    return 0 if error is None else 2 if isinstance(error, Stopped) else 1


def _check_pool(players: Sequence[Player]) -> list[Player]:
    players = list(players)
    if len(players) < 2:
        raise ConfigError(f"{len(players)} players make no tournament: give at least two")
    names = [player.name for player in players]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two players are named {twice!r}: a name is a player's key; name them differently")
    return players


def _pair_neighbors(order: list[str], agents: set[str], neighbors: int, met: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pair each agent, strongest first, with the next ones below that it has not met."""
    ladder = [agent for agent in order if agent in agents]
    pairs = []
    for place, agent in enumerate(ladder):
        strangers = (other for other in ladder[place + 1 :] if tuple(sorted((agent, other))) not in met)
        pairs += [(agent, other) for other in itertools.islice(strangers, neighbors)]
    return pairs


def _expect_matches(excess: np.ndarray, each: float) -> np.ndarray:
    """Matches until intervals so many times too wide are narrow, roughly: they narrow with the root of the matches, `each` of an agent."""
    return each * (excess**2 - 1).clip(0, 100)


def _expect(agents: int, neighbors: int, rounds: int) -> int:
    """Matches of so many more rounds, roughly: at the foot of the ladder there are fewer to meet."""
    each = sum(min(neighbors, agents - 1 - place) for place in range(agents))
    return min(rounds * each, agents * (agents - 1) // 2)
