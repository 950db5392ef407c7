"""What a value of a table can be, field by field: a file that was changed or damaged is found out before anything is computed from it.

Limits are far from anything that an experiment gives, and near enough that no sum or power of values within them overflows.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hexlab.records import Agent, Conversion, Opening, Pairing, PairOpenings, Rating, Run, Snapshot, Timing

__all__ = ["LARGEST", "Fault", "find_fault"]

LARGEST = 19  # board, that of `hexlab.rules`


class Fault(NamedTuple):
    """A value that cannot be.

    Attributes:
        place: of its row, 0 for the first.
        field: its name.
        expected: what can be there, in words.
    """

    place: int
    field: str
    expected: str


class _Numbers(NamedTuple):
    """Numbers from `low` to `high`; with `unknown` nan too."""

    low: float
    high: float
    unknown: bool = False

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}" + (", or nan" if self.unknown else "")

    def find(self, values: Sequence) -> int | None:
        known = [value for value in values if value == value] if self.unknown else values
        if not known or (self.low <= min(known) and max(known) <= self.high and not math.isnan(sum(known))):  # a nan hides from min
            return None
        return next(at for at, value in enumerate(values) if not (self.low <= value <= self.high or (self.unknown and value != value)))


class _Words(NamedTuple):
    """Texts that `holds` is true of; each is looked at once."""

    holds: Callable[[str], bool]
    expected: str

    def __str__(self) -> str:
        return self.expected

    def find(self, values: Sequence[str]) -> int | None:
        bad = {value for value in set(values) if not self.holds(value)}
        return next(at for at, value in enumerate(values) if value in bad) if bad else None


def _is_settings(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


_BIT, _SHARE = _Numbers(0, 1), _Numbers(0, 1, unknown=True)
_SIZE = _Numbers(1, LARGEST)
_ELO = _Numbers(-1e6, 1e6)
_FLOPS = _Numbers(0, 1e30)
_GAMES = _Numbers(0, 10**9)
_WORK = _Numbers(0, 10**15)
_SETTING = _Numbers(1, 10**12)  # as those of a training run
_LAYERS = _Numbers(1, 10**6)
_KEY = _Words(bool, "a key")
_KIND = _Words(frozenset({"snapshot", "perfect", "random"}).__contains__, "snapshot, perfect or random")
_RESULTS = _Words(lambda text: not text.strip("01"), "a 1 or 0 for each opening")

_FIELDS: Mapping[type, Mapping[str, _Numbers | _Words]] = {
    Run: {
        "run": _KEY, "size": _SIZE, "width": _LAYERS, "depth": _LAYERS, "seed": _Numbers(0, 2**63 - 1), "parameters": _WORK,
        "train_simulations": _SETTING, "config": _Words(_is_settings, "settings as JSON, such as {\"seed\": 0}"),
    },
    Snapshot: {
        "snapshot": _GAMES, "samples": _WORK, "simulations": _WORK, "selfplay_flops": _FLOPS, "learner_flops": _FLOPS,
        "train_flops": _FLOPS, "paper_flops": _FLOPS,
    },
    Timing: {"snapshot": _GAMES, "seconds": _Numbers(0, 1e12), "joules": _Numbers(0, 1e15, unknown=True)},
    Agent: {
        "agent": _KEY, "size": _SIZE, "kind": _KIND, "snapshot": _Numbers(-1, 10**9), "test_simulations": _Numbers(0, 10**9),
        "test_flops": _FLOPS,
    },
    Opening: {"size": _SIZE, "first_won_as_black": _BIT, "first_won_as_white": _BIT, "moves": _GAMES},
    PairOpenings: {"size": _SIZE, "first_won_as_black": _RESULTS, "first_won_as_white": _RESULTS},
    Pairing: {
        "size": _SIZE, "half": _BIT, "won_both": _GAMES, "won_black_only": _GAMES, "won_white_only": _GAMES, "lost_both": _GAMES,
    },
    Rating: {
        "size": _SIZE, "elo": _ELO, "low": _ELO, "high": _ELO, "games": _GAMES, "perfect_score": _SHARE, "perfect_score_low": _SHARE,
        "perfect_score_high": _SHARE, "perfect_games": _GAMES, "anchor_error": _Numbers(0, 1e6, unknown=True),
    },
    Conversion: {"size": _SIZE, "converted": _GAMES, "positions": _Numbers(1, 10**9)},
}  # fmt: skip


class _Pact(NamedTuple):
    """What fields of one row owe each other; the first of them is blamed."""

    fields: tuple[str, ...]
    holds: Callable[..., bool]
    expected: str


_PACTS: Mapping[type, Sequence[_Pact]] = {
    Timing: [_Pact(("seconds",), lambda seconds: seconds == 0 or seconds >= 1e-9, "0, or a number from a nanosecond up")],
    Snapshot: [
        _Pact(("train_flops", "snapshot"), lambda flops, at: flops >= 1 or at == 0, "a number from 1 up after snapshot 0"),
        _Pact(("paper_flops", "snapshot"), lambda flops, at: flops >= 1 or at == 0, "a number from 1 up after snapshot 0"),
    ],
    Agent: [
        _Pact(("run", "kind"), lambda run, kind: bool(run) == (kind == "snapshot"), "the run of a snapshot, and nothing for another kind"),
        _Pact(("snapshot", "kind"), lambda at, kind: (at >= 0) == (kind == "snapshot"), "a number from 0 up for a snapshot, else -1"),
        _Pact(("test_simulations", "kind"), lambda count, kind: (count > 0) == (kind == "snapshot"), "from 1 up for a snapshot, else 0"),
        _Pact(("test_flops", "kind"), lambda flops, kind: flops >= 1 or kind != "snapshot", "a number from 1 up for a snapshot"),
    ],
    Rating: [
        _Pact(("low", "high"), lambda low, high: low <= high, "a number up to that of high"),
        _Pact(("elo", "low", "high"), lambda elo, low, high: low <= elo <= high, "a number from that of low to that of high"),
        *(
            _Pact((name, "perfect_games"), lambda score, games: math.isnan(score) == (games == 0), "a share of perfect_games, nan of none")
            for name in ("perfect_score", "perfect_score_low", "perfect_score_high")
        ),
        _Pact(("perfect_score_low", "perfect_score_high"), lambda low, high: not low > high, "a share up to that of perfect_score_high"),
        _Pact(("perfect_games", "games"), lambda some, games: some <= games, "a number up to that of games"),
    ],
    Conversion: [_Pact(("converted", "positions"), lambda some, positions: some <= positions, "a number up to that of positions")],
}


def find_fault(kind: type, columns: Mapping[str, Sequence]) -> Fault | None:
    """Return the first value that cannot be, field by field; None if all can.

    Args:
        kind: of the rows.
        columns: values by field, of one length.

    >>> find_fault(Conversion, {"size": [5, 5], "agent": ["a", "b"], "converted": [3, 9], "positions": [8, 8]})
    Fault(place=1, field='converted', expected='a number up to that of positions')
    """
    for name, values in _FIELDS.get(kind, {}).items():
        place = values.find(columns[name])
        if place is not None:
            return Fault(place, name, str(values))
    for pact in _PACTS.get(kind, ()):
        for place, held in enumerate(zip(*(columns[name] for name in pact.fields), strict=True)):
            if not pact.holds(*held):
                return Fault(place, pact.fields[0], pact.expected)
    return None
