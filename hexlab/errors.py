"""Errors that a user can cause. Each message quotes the input, says what was expected and what to do.

The command line ends in one line and exit code 2 for any of them; a traceback is a defect of hexlab.
"""

__all__ = [
    "CheckpointError",
    "ClusterError",
    "ConfigError",
    "HexlabError",
    "IllegalMoveError",
    "InUseError",
    "PositionError",
    "RunError",
    "StoreError",
    "WorkerError",
]


class HexlabError(ValueError):
    """Base of every error that a user's input can cause."""


class IllegalMoveError(HexlabError):
    """A move that the position does not allow: unknown name, occupied cell, finished game."""


class PositionError(HexlabError):
    """A board, a game record or a batch of positions that makes no sense, or a size that is not supported."""


class ConfigError(HexlabError):
    """A setting out of its range, or a key that nothing reads."""


class CheckpointError(HexlabError):
    """A file of parameters that is foreign, truncated, of another version or of another size."""


class RunError(HexlabError):
    """A run folder that exists already, is missing, or does not hold what was asked of it."""


class InUseError(RunError):
    """A folder that another process is at work on."""


class ClusterError(HexlabError):
    """A cluster that does not answer, or whose workers cannot do this process's work."""


class WorkerError(HexlabError):
    """Work whose workers died, one after the other."""


class StoreError(HexlabError):
    """A result store that cannot be read or holds other results than those asked for."""
