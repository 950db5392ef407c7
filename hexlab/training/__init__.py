"""Expert iteration: agents that teach themselves Hex by playing against themselves."""

from hexlab.training.config import Config, find_preset_size, preset
from hexlab.training.loop import Report, read_config, read_snapshots, read_timings, resume, run_key, train
from hexlab.training.memory import PROGRAM_BYTES, estimate_bytes

__all__ = [
    "PROGRAM_BYTES",
    "Config",
    "Report",
    "estimate_bytes",
    "find_preset_size",
    "preset",
    "read_config",
    "read_snapshots",
    "read_timings",
    "resume",
    "run_key",
    "train",
]
