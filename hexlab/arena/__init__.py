"""The arena: players, matches, tournaments and ratings. It knows agents as `hexlab.protocols.Player`s alone."""

from hexlab.arena.matches import (
    Game,
    Match,
    Openings,
    all_openings,
    opening_name,
    openings,
    play_game,
    play_matches,
    play_pairing,
)
from hexlab.arena.players import (
    HumanPlayer,
    RandomPlayer,
    Resigned,
    SearchPlayer,
    SolverPlayer,
    TakenBack,
    check_player,
)
from hexlab.arena.ratings import Ratings, bootstrap_ratings, rate, score_interval
from hexlab.arena.tournaments import Progress, Table, draw_openings, play_ladder, round_robin

__all__ = [
    "Game",
    "HumanPlayer",
    "Match",
    "Openings",
    "Progress",
    "RandomPlayer",
    "Ratings",
    "Resigned",
    "SearchPlayer",
    "SolverPlayer",
    "Table",
    "TakenBack",
    "all_openings",
    "bootstrap_ratings",
    "check_player",
    "draw_openings",
    "opening_name",
    "openings",
    "play_game",
    "play_ladder",
    "play_matches",
    "play_pairing",
    "rate",
    "round_robin",
    "score_interval",
]
