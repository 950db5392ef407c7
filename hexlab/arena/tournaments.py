"""Who meets whom: everyone meets everyone in a small pool, neighbors on a ladder in a large one."""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence

from hexlab.arena.matches import Match, Openings, openings, play_matches, play_until
from hexlab.arena.players import RandomPlayer, SolverPlayer
from hexlab.arena.ratings import rate
from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.records import Opening, Pairing
from hexlab.rules.cells import check_size
from hexlab.store import Store, count_pairings

__all__ = ["SOLVED_SIZE", "Progress", "Table", "draw_openings", "play_ladder", "round_robin"]

SOLVED_SIZE = 5
"""Largest board on which perfect play takes part by default: a move takes milliseconds."""
_AT_ONCE = 32  # matches of a round robin that are played together, for full batches


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
        stage: "anchors" or "round 1", "round 2", ...
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
    anchors: Sequence[Player] | None = None,
) -> Iterator[Progress]:
    """Play a large pool into a store: everyone meets the anchors, then neighbors in strength meet, round by round.

    Games between agents of like strength tell most about both. Each round rates what has been played, orders the
    agents by that, and lets each meet the next `neighbors` below it that it has not met yet. The anchors tie the pool
    together and to perfect play.

    A match that the store holds is not played again, so a tournament that was stopped goes on where it was. The
    schedule follows from the arguments and the results alone: stopped and resumed or not, on any number of threads,
    the rows are the same. A match is kept, whole, as soon as it is over: when the process is killed, each thread or
    worker loses at most the match that it was playing.

    Args:
        agents: players with different names; threads share them.
        size: board size.
        store: open for writing.
        openings_per_pair: openings a match, drawn for each pair anew; where the board has fewer, each is played once.
        rounds: rounds after the matches against the anchors.
        neighbors: opponents that an agent meets below itself in a round.
        seed: any integer.
        threads: threads that play, each its own matches; with an executor, the number of its workers.
        executor: plays in place of threads of its own, for example worker processes; the players must be picklable
            then. Matches under way when the generator is closed are left to its owner.
        anchors: players whom everyone meets; by default random play and, up to 5x5, perfect play. They are named by
            the size, such as ``random-5`` and ``perfect-5``, since the keys of a store that holds several sizes must
            differ.

    Yields:
        Progress, after every match and at the start.

    Raises:
        ConfigError: two players of one name, no anchor, or a number out of its range.
        StoreError: the store is read-only, or holds other results under these names.
    """
    if anchors is None:
        anchors = [RandomPlayer(f"random-{check_size(size)}")]
        if size <= SOLVED_SIZE:
            anchors.append(SolverPlayer(size))
    if not anchors:
        raise ConfigError("a ladder without anchors may fall apart: give at least one player whom everyone meets")
    by_name = {player.name: player for player in _check_pool([*agents, *anchors])}
    for name, value, least in (
        ("openings_per_pair", openings_per_pair, 1), ("rounds", rounds, 0), ("neighbors", neighbors, 1), ("threads", threads, 1),
    ):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name}={value!r}: give a whole number from {least} up")

    kept = {(row.first, row.second, row.opening): row for row in store.read(Opening, size=size)}
    names = [agent.name for agent in agents]
    met: set[tuple[str, str]] = set()
    pairings: list[Pairing] = []
    done = played = 0
    pairs = [(agent, anchor.name) for agent in names for anchor in anchors]
    pairs += itertools.combinations([anchor.name for anchor in anchors], 2)
    later = _expect(len(names), neighbors, rounds)
    with _Crew(threads, seed, executor) as crew:
        for stage in range(rounds + 1):
            if stage > 0:
                pairs = _pair_neighbors([row.agent for row in rate(pairings)], set(names), neighbors, met)
                later = _expect(len(names), neighbors, rounds - stage)
            title = f"round {stage}" if stage else "anchors"
            total = done + len(pairs) + later
            matches = []
            for first, second in (sorted(pair) for pair in pairs):
                met.add((first, second))
                drawn = draw_openings(size, first, second, openings_per_pair, seed)
                old = [kept[first, second, name] for name in drawn if (first, second, name) in kept]
                new = [name for name in drawn if (first, second, name) not in kept]
                pairings += count_pairings(old)
                if new:
                    matches.append(Match(by_name[first], by_name[second], drawn.keep(new)))
            done = total - later - len(matches)
            yield Progress(title, done, total, played)
            for rows in crew.play(matches):
                store.append(rows)
                pairings += count_pairings(rows)
                done += 1
                played += 2 * len(rows)
                yield Progress(title, done, total, played)


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

    def play(self, matches: Sequence[Match]) -> Iterator[list[Opening]]:
        """Yield the rows of each match as it ends."""
        left = iter(matches)
        waiting: set[concurrent.futures.Future] = set()
        try:
            while True:
                waiting |= {self._submit(match) for match in itertools.islice(left, 4 * self._threads - len(waiting))}
                if not waiting:
                    return
                ready, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                for match in sorted(ready, key=lambda match: match.exception() is not None):  # a failure loses no other match
                    yield from match.result()
        finally:
            for match in waiting:
                match.cancel()

    def _submit(self, match: Match) -> concurrent.futures.Future:
        if self._executor is None:
            return self._pool.submit(play_until, [match], self._seed, self._stop)
        return self._executor.submit(play_matches, [match], self._seed)


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


def _expect(agents: int, neighbors: int, rounds: int) -> int:
    """Matches of so many more rounds, roughly: at the foot of the ladder there are fewer to meet."""
    each = sum(min(neighbors, agents - 1 - place) for place in range(agents))
    return min(rounds * each, agents * (agents - 1) // 2)
