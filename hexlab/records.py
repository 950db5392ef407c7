"""Typed rows of the lab's tables. Every field names its unit; every table is a list of one of these rows.

Costs are floating-point operations, 2 for a multiply-add, unless the name says ``paper``: the paper's own count takes a
multiply-add as 1 and only the forward passes of self-play (Jones 2021). Ratings are in Elo with perfect play at 0 where a pool
holds it. Keys (`run`, `agent`) are short stable strings.
"""

import dataclasses

__all__ = ["Agent", "Conversion", "Opening", "PairOpenings", "Pairing", "Rating", "Run", "Snapshot", "Timing"]


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: a cell of a grid."""

    run: str  # key: hash of the resolved config
    size: int  # board size n
    width: int  # units a layer
    depth: int  # residual layers
    seed: int
    parameters: int  # weights and biases, the depth ReZero scalars not counted
    train_simulations: int  # search simulations a self-play move
    config: str  # resolved training config, sorted JSON
    preset: str = ""  # name of the preset whose run it is; "" for a cell of the grid


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Parameters kept during a run, with what they had cost."""

    run: str
    snapshot: int  # 0, 1, ... in order of cost; 0 is the untrained net
    samples: int  # self-play positions generated so far
    simulations: int  # network evaluations in self-play so far
    selfplay_flops: float
    learner_flops: float
    train_flops: float  # selfplay_flops + learner_flops
    paper_flops: float  # the paper's count


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long a snapshot had trained, and on how much energy: what differs when a run is repeated."""

    run: str
    snapshot: int
    seconds: float  # of one core that its cell took so far
    joules: float  # its share, by seconds, of what the computer took while the grid was trained; nan where that does not tell


@dataclasses.dataclass(frozen=True)
class Agent:
    """A player of a tournament."""

    agent: str  # key, e.g. "3f9a01c2/7@64", "perfect", "random"
    size: int
    kind: str  # "snapshot", "perfect", "random"
    run: str  # "" unless kind is "snapshot"
    snapshot: int  # -1 unless kind is "snapshot"
    test_simulations: int  # simulations a move in play; 1 is the raw policy; 0 unless kind is "snapshot"
    test_flops: float  # per move


@dataclasses.dataclass(frozen=True)
class Opening:
    """Two games from one opening, colors swapped: what one row of the result store holds."""

    size: int
    first: str  # agent key
    second: str  # agent key
    opening: str  # moves from the empty board, "c3 b2"
    first_won_as_black: int  # 1 or 0
    first_won_as_white: int  # 1 or 0
    moves: int  # stones on both final boards together


@dataclasses.dataclass(frozen=True)
class PairOpenings:
    """All openings of one pair of agents, as `Opening` has each of them: lists of equal length, in order of the openings."""

    size: int
    first: str  # agent key
    second: str  # agent key
    openings: str  # "a1 b2;c3 b2"
    first_won_as_black: str  # "10"
    first_won_as_white: str  # "11"
    moves: str  # "13;15"


@dataclasses.dataclass(frozen=True)
class Pairing:
    """All openings of one pair of agents, counted by what `first` won; the unit of the bootstrap is one opening.

    Openings are dealt into two halves, so that agents can be chosen on one and rated on the other.
    """

    size: int
    first: str
    second: str
    half: int  # 0 or 1
    won_both: int
    won_black_only: int
    won_white_only: int
    lost_both: int

    @property
    def openings(self) -> int:
        """Number of openings, each of two games with colors swapped."""
        return self.won_both + self.won_black_only + self.won_white_only + self.lost_both


@dataclasses.dataclass(frozen=True)
class Rating:
    """Strength of an agent in its pool."""

    agent: str
    size: int
    elo: float  # perfect play is 0 where the pool holds it
    low: float  # lower end of the 95 % interval
    high: float  # upper end of the 95 % interval
    games: int
    perfect_score: float  # share of games won against perfect play; nan if they never met
    perfect_score_low: float  # 95 % interval of it
    perfect_score_high: float
    perfect_games: int
    anchor: str = ""  # what has a known Elo: perfect play, or the mean of the strongest, joined by " + "; or "mean", "best"
    anchor_error: float = 0.0  # half the width of the 95 % interval of the anchor's own Elo, within `low` and `high`; nan if not known


@dataclasses.dataclass(frozen=True)
class Conversion:
    """Solved positions that an agent won against itself with the side that wins by theory."""

    size: int
    agent: str
    converted: int
    positions: int
