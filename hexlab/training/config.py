"""The dials of a training run: few, frozen, each with its effect, its unit and the value the paper published."""

import dataclasses
import json
import math

from hexlab.errors import ConfigError
from hexlab.network.model import KINDS, Architecture
from hexlab.rules.cells import MAX_SIZE

__all__ = ["Config", "find_preset_size", "preset"]

_RECIPES = ("puct", "regularized", "gumbel")
_SCHEDULES = ("cosine", "constant")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides the bytes of a run, besides the kind of CPU and the versions of the libraries.

    "Paper" is Jones 2021 (arXiv 2104.03113). A position is one searched self-play move.

    >>> Config(size=3, width=8, depth=2).iterations > 0
    True
    """

    size: int = 5
    """Board size n, 2 to 19. Paper: 3 to 9."""
    width: int = 64
    """Units of each layer. Paper: 1 to 1024."""
    depth: int = 4
    """Residual layers. Paper: 1 to 8."""
    net: str = "dense"
    """Kind of network: "dense", fully connected, or "hex", of hexagonal convolutions, whose width is channels a cell. Paper: dense."""
    seed: int = 0
    """Seed of every random draw in the run. Paper: none."""
    samples: int = 1_000_000
    """Self-play positions to generate: the length of the run. Paper: up to 1e8 (3x3) to 2e9 (9x9)."""
    simulations: int = 32
    """Network evaluations a self-play move, the root's included. Paper: 64."""
    recipe: str = "puct"
    """Search recipe of self-play: "puct", "regularized" or "gumbel". Paper: regularized, with its own lambda."""
    exploration: float = 1.5
    """The recipe's constant c, larger explores more; for gumbel the scale of its noise, 1 as published. Paper: 1/16 with its own lambda."""
    paper_search: bool = False
    """Whether the regularized recipe takes its lambda, which does not fall as visits grow, and the scale of values as the paper's code
    does. Paper: yes."""
    paper_scale: bool = False
    """Whether the regularized recipe takes the scale of values alone as the paper's code does: from [-1, 1], not by the range of each
    tree. Part of paper_search."""
    prove: bool = True
    """Whether search backs up exact wins and losses from finished games. Paper: no."""
    keep_tree: bool = False
    """Whether a search goes on from the subtree under the move before, while the network stays the same. Not gumbel. Paper: no."""
    noise_fraction: float = 0.25
    """Share of Dirichlet noise in the root's prior, 0 to 1; 0 for gumbel, which has noise of its own. Paper: 0.25."""
    sampled_moves: int = 400
    """Moves of a game that are sampled from the search policy, for gumbel by its halving; later ones are its best move. Paper: all."""
    opening_moves: int = 2
    """A game starts after 0 to this many uniformly random moves, equally often each; 2 * size - 2 at most, for nobody can have won by
    then. Paper: 0."""
    mixing_moves: int = 0
    """Uniformly random moves on each board before its first searched one, game after game: puts boards out of step. Paper: 2,500."""
    groups: int = 8
    """Groups of boards, each played by one thread at a time. More groups than threads keep a slow core from stalling the rest."""
    boards: int = 128
    """Boards in a group: the batch of a network call in self-play. 128, 256 and 512 give the same bits of a logit, and from width 8 on
    64 does too. Paper: 32,768."""
    slice_moves: int = 4
    """Moves that each board plays under one frozen set of parameters; groups * boards * slice_moves positions an iteration."""
    batch: int = 256
    """Positions of one gradient step. Paper: 32,768."""
    reuse: float = 4.0
    """Times that each position is learned from, on average. Paper: 1."""
    buffer: int = 400_000
    """Positions that the replay buffer holds at most. Paper: 2.1 million."""
    window: float = 0.5
    """Share of all positions so far that the learner draws from, newest first, so that early play is soon forgotten."""
    learning_rate: float = 3e-3
    """Adam's step size, at its peak; nets narrower than 128 bear 6e-3. Paper: 1e-3."""
    schedule: str = "cosine"
    """Step size over the run: "cosine", up in the first 2 % and down towards a tenth in the last 40 %, or "constant". Iterations count
    from the first; those before a game has ended take no steps, so that the last step stays above the tenth. Paper: constant."""
    turn: bool = True
    """Whether the learner sees each position turned by 180 degrees half of the time. Paper: no."""
    value_mix: float = 0.5
    """Value target: 0 learns the game's outcome, 1 the search value, between them the mix. Paper: bootstrapped outcome."""
    averaging: float = 0.995
    """Decay a gradient step of the exponential moving average of the parameters that plays and is kept. Paper: 0."""
    snapshots: int = 12
    """Snapshots to keep besides the untrained net, from the first that learned, evenly in log self-play FLOPs; 1: the last. Those that
    would fall on the same iteration are one, so that a short run keeps fewer. 1 to 10,000. Paper: 21."""

    def __post_init__(self):
        """Check every field."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in ("bool", bool) and not isinstance(value, bool):
                raise ConfigError(f"{field.name}={value!r}: give true or false")
            if field.type in ("int", int) and (isinstance(value, bool) or not isinstance(value, int)):
                raise ConfigError(f"{field.name}={value!r}: give a whole number")
            if field.type in ("float", float):
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                    raise ConfigError(f"{field.name}={value!r}: give a finite number")
                object.__setattr__(self, field.name, float(value))
        _check_range("size", self.size, 2, MAX_SIZE)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        for name in ("width", "depth", "samples", "simulations", "groups", "boards", "slice_moves", "batch"):
            _check_range(name, getattr(self, name), 1, 10**12)
        _check_range("snapshots", self.snapshots, 1, 10**4)
        for name in ("sampled_moves", "opening_moves", "mixing_moves"):
            _check_range(name, getattr(self, name), 0, 10**6)
        for name in ("noise_fraction", "value_mix"):
            _check_range(name, getattr(self, name), 0, 1)
        _check_range("averaging", self.averaging, 0, 0.999999)
        for name in ("exploration", "learning_rate", "reuse", "window"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}={getattr(self, name)}: give a number above 0")
        _check_range("window", self.window, 0, 1)
        if self.boards < 64 or self.boards & (self.boards - 1):
            raise ConfigError(f"boards={self.boards}: give a power of two from 64 up, such as 256")
        if self.net not in KINDS:
            raise ConfigError(f"net={self.net!r} is unknown: choose one of {', '.join(KINDS)}")
        if self.recipe not in _RECIPES:
            raise ConfigError(f"recipe={self.recipe!r} is unknown: choose one of {', '.join(_RECIPES)}")
        if self.schedule not in _SCHEDULES:
            raise ConfigError(f"schedule={self.schedule!r} is unknown: choose one of {', '.join(_SCHEDULES)}")
        for name in ("paper_search", "paper_scale"):
            if self.recipe != "regularized" and getattr(self, name):
                raise ConfigError(f"{name}=True with recipe={self.recipe!r}: give false, or recipe 'regularized'")
        if self.paper_search and self.paper_scale:
            raise ConfigError("paper_scale=True with paper_search=True, which has that scale: give one of them")
        if self.recipe == "gumbel" and self.keep_tree:
            raise ConfigError("keep_tree=True with recipe='gumbel', which halves its moves from a root without visits: give false")
        if self.recipe == "gumbel" and self.noise_fraction > 0:
            raise ConfigError(
                f"noise_fraction={self.noise_fraction} with recipe='gumbel', which has noise of its own, scaled by exploration: give 0"
            )
        if self.buffer < self.samples_an_iteration + self.groups * self.boards * self.size**2:
            raise ConfigError(
                f"buffer={self.buffer} is smaller than what one iteration can finish: raise it, or lower groups, boards or slice_moves"
            )

    @property
    def architecture(self) -> Architecture:
        """The network that the run trains."""
        return Architecture(self.size, self.width, self.depth, self.net)

    @property
    def tree_capacity(self) -> int:
        """Nodes that a search tree has room for: three budgets where subtrees are kept."""
        return self.simulations * (3 if self.keep_tree else 1)

    @property
    def samples_an_iteration(self) -> int:
        """Positions searched between two sets of parameters."""
        return self.groups * self.boards * self.slice_moves

    @property
    def iterations(self) -> int:
        """Iterations of the run: the fewest that generate `samples` positions."""
        return -(-self.samples // self.samples_an_iteration)

    @property
    def replay_capacity(self) -> int:
        """Positions that the replay buffer has room for: `buffer`, or all that the run generates, if those are fewer."""
        return min(self.buffer, self.iterations * self.samples_an_iteration)

    @property
    def updates_an_iteration(self) -> int:
        """Gradient steps an iteration."""
        return max(1, round(self.reuse * self.samples_an_iteration / self.batch))

    def to_json(self) -> str:
        """Return the config as JSON with sorted keys: the same bytes for the same config.

        Later settings are left out at their defaults, so that runs from before there were others keep their bytes and their names.
        """
        later = {"net", "keep_tree", "paper_search", "paper_scale", "mixing_moves", "schedule", "turn"}
        defaults = {field.name: field.default for field in dataclasses.fields(self) if field.name in later}
        values = {name: value for name, value in dataclasses.asdict(self).items() if name not in later or value != defaults[name]}
        return json.dumps(values, sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Read a config; a key that nothing reads raises `ConfigError`."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"the config is not JSON ({error}): restore the file or start a new run") from None
        if not isinstance(values, dict):
            raise ConfigError(f"the config is a {type(values).__name__}: expected an object of settings")
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown setting {unknown[0]!r}: the settings are {', '.join(sorted(known))}")
        return cls(**values)


def _check_range(name, value, low, high):
    if not low <= value <= high:
        raise ConfigError(f"{name}={value}: give a number from {low} to {high}")


_PRESETS: dict[int, dict] = {
    3: {"width": 32, "depth": 2, "samples": 60_000, "learning_rate": 6e-3, "boards": 64},
    4: {"width": 64, "depth": 4, "samples": 250_000, "learning_rate": 6e-3},
    5: {"width": 128, "depth": 4, "samples": 3_000_000},
    6: {"width": 128, "depth": 4, "samples": 4_000_000, "buffer": 1_000_000},
    7: {"width": 128, "depth": 4, "samples": 8_000_000, "buffer": 1_000_000},
}

# The net that was the first to come within 50 Elo of the best in the paper, and after how many positions (from its published curves).
_PAPER_NETS: dict[int, tuple[int, int, float]] = {
    3: (2, 2, 3.5e7),
    4: (8, 2, 3.5e7),
    5: (16, 4, 6.4e7),
    6: (128, 2, 3.8e7),
    7: (128, 4, 3.3e8),
    8: (256, 4, 4.2e8),
    9: (512, 4, 7.5e8),
}
_PAPER_SHARE = 64  # the paper's boards, batch, buffer and positions are divided by it


def preset(size: int, name: str = "default", *, net: str = "dense", recipe: str = "puct") -> dict:
    """Return the settings of a run under a name: what `hexlab train --size N --preset NAME` uses.

    "default" trains a strong agent of this size within minutes, measured up to 5x5. Nets of hexagonal convolutions get a quarter of the
    positions, each of which takes them about eight times as long; they are not tuned. Gumbel has noise of its own, at the published
    scale, none beside it, and no kept trees.

    "paper" trains as Jones (2021) did, on the net that was the first of its board to come within 50 Elo of the best there, and for
    as many gradient steps as it needed. What one machine cannot do is divided by 64: 512 boards and 512 positions a step instead of
    32,768, and the buffer of the last 64 moves of all boards with them. What else differs:

    - values enter the search scaled from [-1, 1], the paper's by the range of the whole batch, which comes to the same; visits count
      once, not twice; an untried move is worth what its node is, not a loss; A counts legal moves alone, in lambda and in the noise;
    - value targets are outcomes: a position is learned from once its game has ended, and none from a prediction of the network;
    - the learner draws with replacement, each position once on average, and begins with the first games that end, not with a full
      buffer; it works beside self-play, whose parameters are one step older;
    - float32, not half precision with a scaled loss.

    Args:
        size: board size.
        name: "default" or "paper".
        net: kind of network; the paper's is dense.
        recipe: search recipe of the default preset.

    Raises:
        ConfigError: an unknown name, or another net or recipe for the paper's preset, which sets both.

    >>> preset(3)["width"]
    32
    >>> preset(5, net="hex")["width"]
    32
    >>> preset(5, recipe="gumbel")["noise_fraction"]
    0.0
    >>> preset(5, "paper")["simulations"], preset(5, "paper")["learning_rate"]
    (64, 0.001)
    """
    if name == "paper":
        if (net, recipe) != ("dense", "puct"):
            raise ConfigError(f"preset 'paper' with net={net!r} and recipe={recipe!r}: it sets both, leave them out")
        return _paper_preset(size)
    if name != "default":
        raise ConfigError(f"unknown preset {name!r}: choose default or paper")
    settings = {"size": size, "keep_tree": True, **_PRESETS[find_preset_size(size)]}
    if net == "hex":
        settings |= {"net": net, "width": 32, "samples": settings["samples"] // 4}
    if recipe == "gumbel":
        settings |= {"recipe": recipe, "exploration": 1.0, "noise_fraction": 0.0, "keep_tree": False}
    return settings


def find_preset_size(size: int, name: str = "default") -> int:
    """Return the board for which a preset was made that boards of a size take: the nearest.

    >>> find_preset_size(5), find_preset_size(9), find_preset_size(9, "paper")
    (5, 7, 9)
    """
    known = _PAPER_NETS if name == "paper" else _PRESETS
    return min(max(size, min(known)), max(known))


def _paper_preset(size):
    width, depth, positions = _PAPER_NETS[find_preset_size(size, "paper")]
    boards = 32_768 // _PAPER_SHARE
    return {
        "size": size,
        "width": width,
        "depth": depth,
        "samples": round(positions / _PAPER_SHARE),
        "simulations": 64,
        "recipe": "regularized",
        "exploration": 1 / 16,
        "paper_search": True,
        "prove": False,
        "noise_fraction": 0.25,
        "opening_moves": 0,
        "mixing_moves": 2_500,
        "groups": 4,
        "boards": boards // 4,
        "slice_moves": 1,
        "batch": boards,
        "reuse": 1.0,
        "buffer": boards * max(64, size**2 + 1),  # above 7x7 a game may outlast the paper's 64 moves
        "window": 1.0,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "turn": False,
        "value_mix": 0.0,
        "averaging": 0.0,
        "snapshots": 21,
    }
