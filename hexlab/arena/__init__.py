"""The arena: players, matches, tournaments and ratings. It knows agents as `hexlab.protocols.Player`s alone."""

from hexlab.arena.contests import Contest, ContestGame, ContestMatch, Entry, Rules, play_contest, read_contest
from hexlab.arena.external import GtpPlayer
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
    play_singly,
)
from hexlab.arena.players import (
    Forfeited,
    HumanPlayer,
    RandomPlayer,
    Resigned,
    SearchPlayer,
    SolverPlayer,
    TakenBack,
    check_player,
    choose_move,
)
from hexlab.arena.ratings import Ratings, bootstrap_ratings, rate, score_interval
from hexlab.arena.submissions import Finding, SubmissionPlayer, check_submission, find_submissions, read_template
from hexlab.arena.tournaments import Progress, Table, draw_openings, play_ladder, round_robin

__all__ = [
    "Contest",
    "ContestGame",
    "ContestMatch",
    "Entry",
    "Finding",
    "Forfeited",
    "Game",
    "GtpPlayer",
    "HumanPlayer",
    "Match",
    "Openings",
    "Progress",
    "RandomPlayer",
    "Ratings",
    "Resigned",
    "Rules",
    "SearchPlayer",
    "SolverPlayer",
    "SubmissionPlayer",
    "Table",
    "TakenBack",
    "all_openings",
    "bootstrap_ratings",
    "check_player",
    "check_submission",
    "choose_move",
    "draw_openings",
    "find_submissions",
    "opening_name",
    "openings",
    "play_contest",
    "play_game",
    "play_ladder",
    "play_matches",
    "play_pairing",
    "play_singly",
    "rate",
    "read_contest",
    "read_template",
    "round_robin",
    "score_interval",
]
