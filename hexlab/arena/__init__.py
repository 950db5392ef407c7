"""The arena: players, matches, tournaments and ratings. It knows agents as `hexlab.protocols.Player`s alone."""

from hexlab.arena.ratings import Ratings, bootstrap_ratings, rate, score_interval

__all__ = ["Ratings", "bootstrap_ratings", "rate", "score_interval"]
