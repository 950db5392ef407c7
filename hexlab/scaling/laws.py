"""Laws of the frontier over all boards, fitted robustly and with bootstrap intervals, and their test on a held-out board.

Two models, both with board size b and compute C and the same five parameters, so that they can be laid beside each other:

``change_point``
    Jones 2021: ``Elo = min(0, max(plateau, incline))`` with ``plateau = m_plateau * b + c_plateau`` (play before anything is
    learned) and ``incline = m_flops * log10 C + m_board * b + c_incline``.
``smooth``
    A logistic curve between the plateau and perfect play, with the change-point model's incline as its tangent half-way up:
    ``Elo = plateau / (1 + exp(4 * (plateau / 2 - incline) / plateau))``. It rounds both corners at the cost of no parameter.

With a single board the terms in b drop out and three parameters remain.

A frontier may start above its plateau, and would leave that open. So each board's plateau is held to the frontier's cheapest
point, by a residual that counts as a tenth of a point's.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from hexlab.errors import ConfigError
from hexlab.scaling.frontiers import BoardFrontier, Frontier, paper_frontier, resample_frontier
from hexlab.scaling.tables import NotEnoughDataError

__all__ = [
    "LEVEL",
    "MODELS",
    "PARAMETERS",
    "PARAMETER_TEXTS",
    "Law",
    "Prediction",
    "derive_growth",
    "derive_takeoff",
    "evaluate_law",
    "fit_law",
    "foretell",
    "interval",
    "paper_law",
    "predict_board",
]

MODELS = ("change_point", "smooth")
PARAMETER_TEXTS = {
    "m_plateau": "plateau, Elo a board",
    "c_plateau": "plateau, Elo at board size 0",
    "m_flops": "incline, Elo a decade of compute",
    "m_board": "incline, Elo a board",
    "c_incline": "incline, Elo at 1 FLOP and board size 0",
}
PARAMETERS = tuple(PARAMETER_TEXTS)
LEVEL = 0.95
_ELO_SCALE = 50.0  # residuals beyond this many Elo count less than squared in a robust fit
_CHEAPEST = 0.1**0.5  # of the residual of a plateau from the frontier's cheapest point
_MOST_DECADES = 12  # of a factor of compute, where an incline is all but level
_STARTS = 12
_STEPS = 60


@dataclasses.dataclass(frozen=True, eq=False)
class Law:
    """A fitted law.

    Attributes:
        model: one of `MODELS`.
        x: unit of compute, as in the frontier.
        sizes: board sizes it was fitted on.
        parameters: the five of `PARAMETERS`; m_plateau and m_board are 0 if a single board was fitted. Elo per board, Elo, Elo
            per decade of compute, Elo per board, Elo.
        intervals: 95 % bootstrap interval of each, (nan, nan) without bootstrap.
        replicates: float64[R, 5], the parameters of each bootstrap copy; R is 0 without bootstrap.
        points: number of frontier points fitted.
        rmse: root mean squared residual, in Elo.
        r2: share of the variance explained.
        residuals: by board size float64[G], measured minus fitted Elo; nan where the frontier is not defined.
    """

    model: str
    x: str
    sizes: tuple[int, ...]
    parameters: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    replicates: np.ndarray
    points: int
    rmse: float
    r2: float
    residuals: Mapping[int, np.ndarray]

    @property
    def vector(self) -> np.ndarray:
        """float64[5], the parameters in the order of `PARAMETERS`."""
        return np.array([self.parameters[name] for name in PARAMETERS])

    def predict(self, size: int, log10_flops: Any) -> np.ndarray:
        """Return the law's Elo on a board at log10 of compute: float64 of the shape of `log10_flops`."""
        return evaluate_law(self.model, self.vector, size, np.asarray(log10_flops, float))

    def band(self, size: int, log10_flops: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the 95 % bootstrap interval of the law itself, pointwise: two arrays of the shape of `log10_flops`."""
        grid = np.asarray(log10_flops, float)
        if not len(self.replicates):
            return np.full_like(grid, np.nan), np.full_like(grid, np.nan)
        low, high = interval(np.array([evaluate_law(self.model, row, size, grid) for row in self.replicates]))
        return low, high


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """A board's frontier predicted from smaller boards, and how well.

    Attributes:
        size: the board held out.
        model: the law's model.
        trained_on: board sizes the law was fitted on.
        log10_flops: float64[G], the held-out frontier's grid.
        measured: float64[G], its Elo.
        predicted: float64[G], the law's Elo.
        low: float64[G], lower end of the 95 % interval.
        high: float64[G], upper end. Both hold the spread of the law over bootstrap copies and of its residuals.
        rmse: root mean squared error, in Elo.
        bias: mean of predicted minus measured, in Elo.
        worst: largest absolute error, in Elo.
        inside: share of the measured points inside the interval.
        normalized: mean squared error over mean squared Elo, the paper's score; flattering, since Elo is far from 0.
        baseline_rmse: error of predicting the next smaller board's frontier unchanged, in Elo.
        caveat: what the reader must know, "" if nothing.
    """

    size: int
    model: str
    trained_on: tuple[int, ...]
    log10_flops: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rmse: float
    bias: float
    worst: float
    inside: float
    normalized: float
    baseline_rmse: float
    caveat: str


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[Any, Any]:
    """Return the percentile interval of bootstrap copies along axis 0, nan copies left out.

    >>> low, high = interval(np.arange(101.0))
    >>> round(float(low), 6), round(float(high), 6)
    (2.5, 97.5)
    """
    values = np.asarray(values, float)
    missing = ~np.isfinite(values).any(axis=0)
    filled = np.where(missing, 0.0, np.where(np.isfinite(values), values, np.nan))
    low, high = np.nanquantile(filled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


def evaluate_law(model: str, parameters: np.ndarray, size: Any, log10_flops: Any) -> np.ndarray:
    """Return a model's Elo.

    Args:
        model: one of `MODELS`.
        parameters: five numbers in the order of `PARAMETERS`.
        size: board size, a number or an array that broadcasts with `log10_flops`.
        log10_flops: log10 of training compute.

    >>> float(evaluate_law("change_point", np.array([-270, 570, 510, -430, -4400]), 9, 16.0))
    -110.0
    """
    m_plateau, c_plateau, m_flops, m_board, c_incline = parameters
    plateau = m_plateau * size + c_plateau
    incline = m_flops * log10_flops + m_board * size + c_incline
    if model == "change_point":
        return np.minimum(0.0, np.maximum(plateau, incline))
    depth = np.minimum(plateau, -1.0)
    return depth / (1 + np.exp(np.clip(4 * (depth / 2 - incline) / depth, -500, 500)))


def fit_law(
    frontier: Frontier,
    *,
    model: str = "change_point",
    bootstrap: int | Mapping[int, np.ndarray] = 0,
    seed: int = 0,
    loss: str = "soft_l1",
) -> Law:
    """Fit one law to the frontiers of all boards by robust least squares from many starts.

    Every board counts with its G grid points. The points of a frontier are anything but independent, so no error is taken from the
    residuals: intervals come from refitting bootstrap copies of the frontiers.

    Args:
        frontier: what `compute_frontier` returned.
        model: one of `MODELS`.
        bootstrap: number of bootstrap copies, or the copies themselves as `resample_frontier` returns them; 0 for no intervals.
        seed: of the starts and of the copies.
        loss: "soft_l1" (squared up to about 50 Elo, linear beyond) or "linear" (plain least squares, as in the paper).

    Raises:
        NotEnoughDataError: fewer than three snapshots on a board, or fewer in all than the law has parameters plus one.
    """
    if model not in MODELS:
        raise ConfigError(f"unknown model {model!r}: expected one of {', '.join(MODELS)}")
    if loss not in ("soft_l1", "linear"):
        raise ConfigError(f"unknown loss {loss!r}: expected 'soft_l1' or 'linear'")
    _check_enough(frontier)
    boards = frontier.boards
    measured = [board.elo for board in boards]
    fitted = _fit(model, boards, measured, _starts(boards, np.random.default_rng([seed & 0xFFFFFFFF, 2])), loss)
    copies = resample_frontier(frontier, bootstrap, seed) if isinstance(bootstrap, int) and bootstrap else bootstrap
    replicates = np.empty((0, len(PARAMETERS)))
    if copies:
        replicates = _refit(model, boards, [copies[board.size] for board in boards], fitted, loss)
    residuals = {board.size: board.elo - evaluate_law(model, fitted, board.size, board.log10_flops) for board in boards}
    errors = np.concatenate(list(residuals.values()))
    known = np.concatenate(measured)[np.isfinite(errors)]
    errors = errors[np.isfinite(errors)]
    spread = float(((known - known.mean()) ** 2).sum())
    low, high = interval(replicates) if len(replicates) else (np.full(5, np.nan),) * 2
    return Law(
        model,
        frontier.x,
        frontier.sizes,
        dict(zip(PARAMETERS, map(float, fitted), strict=True)),
        {name: (float(low[at]), float(high[at])) for at, name in enumerate(PARAMETERS)},
        replicates,
        len(errors),
        float(np.sqrt((errors**2).mean())),
        1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
        residuals,
    )


@functools.cache
def paper_law() -> Law:
    """Return the change-point law of Jones 2021, fitted to its frontiers as there: by plain least squares, compute in its own count."""
    return fit_law(paper_frontier(), loss="linear")


def derive_growth(parameters: np.ndarray) -> np.ndarray:
    """Return the factor of compute for the same Elo below perfect play, a board, by parameters float64[..., 5] of a law: float64[...]."""
    return 10 ** np.clip(-parameters[..., 3] / parameters[..., 2], -_MOST_DECADES, _MOST_DECADES)


def derive_takeoff(parameters: np.ndarray) -> np.ndarray:
    """Return the factor of compute at which the incline leaves the plateau, a board, as `derive_growth` does: float64[...]."""
    return 10 ** np.clip((parameters[..., 0] - parameters[..., 3]) / parameters[..., 2], -_MOST_DECADES, _MOST_DECADES)


def predict_board(
    frontier: Frontier,
    size: int | None = None,
    *,
    model: str = "change_point",
    bootstrap: int | Mapping[int, np.ndarray] = 0,
    seed: int = 0,
    loss: str = "soft_l1",
) -> Prediction:
    """Predict one board's frontier from the smaller boards alone, and score it.

    Args:
        frontier: what `compute_frontier` returned.
        size: board held out; None takes the largest.
        model: one of `MODELS`.
        bootstrap: as for `fit_law`; the interval needs it.
        seed: as for `fit_law`.
        loss: as for `fit_law`.

    Raises:
        NotEnoughDataError: fewer than two smaller boards.
    """
    size = frontier.sizes[-1] if size is None else size
    held_out = frontier.board(size)
    smaller = [each for each in frontier.sizes if each < size]
    if len(smaller) < 2:
        raise NotEnoughDataError(f"not enough data: needs two smaller boards to predict {size}x{size} from; there are {len(smaller)}")
    law = fit_law(frontier.select(smaller), model=model, bootstrap=bootstrap, seed=seed, loss=loss)
    grid = held_out.log10_flops
    predicted, low, high = foretell(law, size, grid, seed)
    known = np.isfinite(held_out.elo)
    errors = (predicted - held_out.elo)[known]
    baseline = frontier.board(smaller[-1])
    unchanged = np.interp(grid, baseline.log10_flops, baseline.elo)
    with np.errstate(invalid="ignore"):
        inside = (held_out.elo >= low) & (held_out.elo <= high)
    mean_square = float((held_out.elo[known] ** 2).mean())
    return Prediction(
        size,
        model,
        tuple(smaller),
        grid,
        held_out.elo,
        predicted,
        low,
        high,
        float(np.sqrt((errors**2).mean())),
        float(errors.mean()),
        float(np.abs(errors).max()),
        float(inside[known].mean()) if len(law.replicates) else float("nan"),
        float((errors**2).mean()) / mean_square if mean_square > 0 else float("nan"),
        float(np.sqrt(((unchanged - held_out.elo)[known] ** 2).mean())),
        "Two boards fix every term in board size exactly: the prediction takes on trust that growth is linear, and its interval "
        "does not know that it might not be."
        if len(smaller) == 2
        else "",
    )


def foretell(law: Law, size: int, log10_flops: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a law's Elo on a board that it was not fitted on, and its 95 % interval there: three arrays of the shape of `log10_flops`.

    The interval holds the spread of the law over bootstrap copies and of its residuals; it is nan without copies.
    """
    predicted = law.predict(size, log10_flops)
    if not len(law.replicates):
        return predicted, np.full_like(predicted, np.nan), np.full_like(predicted, np.nan)
    scatter = np.concatenate(list(law.residuals.values()))
    scatter = scatter[np.isfinite(scatter)]
    # A frontier's residuals move together, so each copy is shifted as a whole by one of them.
    shifts = np.random.default_rng([seed & 0xFFFFFFFF, 3]).choice(scatter, len(law.replicates))
    low, high = interval(np.array([evaluate_law(law.model, row, size, log10_flops) for row in law.replicates]) + shifts[:, None])
    return predicted, low, high


def _check_enough(frontier: Frontier) -> None:
    if not frontier.boards:
        raise NotEnoughDataError("not enough data: needs at least one board")
    costs = {board.size: len(set(board.curves.agent_log10_flops.tolist())) for board in frontier.boards}
    needed = (3 if len(costs) == 1 else len(PARAMETERS)) + 1
    for size, count in costs.items():
        if count < 3:
            raise NotEnoughDataError(f"not enough data: needs 3 trained snapshots of different cost on {size}x{size}; has {count}")
    if sum(costs.values()) < needed:
        raise NotEnoughDataError(f"not enough data: needs {needed} snapshots in all to fit a law; has {sum(costs.values())}")


def _layout(boards: Sequence[BoardFrontier]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the board size and log10 of compute of each of P points, and the board sizes: float64[P], float64[P], float64[B]."""
    sizes = np.array([board.size for board in boards], float)
    size = np.repeat(sizes, [len(board.log10_flops) for board in boards])
    return size, np.concatenate([board.log10_flops for board in boards]), sizes


def _targets(elo: Sequence[np.ndarray]) -> np.ndarray:
    """Return what `_evaluate` is to meet, from the Elo of each board's points, float64[..., G]: float64[..., P + B], nan where unknown."""
    cheapest = [np.take_along_axis(each, np.isfinite(each).argmax(axis=-1)[..., None], axis=-1) for each in elo]
    return np.concatenate([*elo, *(_CHEAPEST * each for each in cheapest)], axis=-1)


def _fit(model, boards, elo, starts, loss) -> np.ndarray:
    """Return the best of the fits from `starts`, each five parameters."""
    size, cost, sizes = _layout(boards)
    values = _targets(elo)
    known = np.isfinite(values)
    # Deviations from the middle of the data keep the normal equations well scaled; the intercepts are moved back at the end.
    middle_size, middle_cost = size.mean(), cost.mean()
    free = np.array([len(boards) > 1, True, True, len(boards) > 1, True])
    if len(boards) == 1:
        middle_size = 0.0
    scale = np.array([100.0, 100.0, 100.0, 100.0, 100.0])[free]

    def center(row):
        m_plateau, c_plateau, m_flops, m_board, c_incline = row
        shifted = c_incline + m_flops * middle_cost + m_board * middle_size
        return np.array([m_plateau, c_plateau + m_plateau * middle_size, m_flops, m_board, shifted])

    def spread(row):
        m_plateau, c_plateau, m_flops, m_board, c_incline = row
        shifted = c_incline - m_flops * middle_cost - m_board * middle_size
        return np.array([m_plateau, c_plateau - m_plateau * middle_size, m_flops, m_board, shifted])

    def full(reduced):
        row = np.zeros(len(PARAMETERS))
        row[free] = reduced
        return row

    b, x, boards_b = size - middle_size, cost - middle_cost, sizes - middle_size

    def residuals(reduced):
        return (_evaluate(model, full(reduced), b, x, boards_b) - values)[known]

    def jacobian(reduced):
        return _gradient(model, full(reduced), b, x, boards_b)[known][:, free]

    best = None
    for start in starts:
        guess = center(np.where(free, start, 0.0))[free]
        found = least_squares(
            residuals, guess, jacobian, loss=loss, f_scale=_ELO_SCALE, x_scale=scale, xtol=1e-11, ftol=1e-11, gtol=1e-11, max_nfev=300
        )
        if best is None or found.cost < best.cost * (1 - 1e-9):
            best = found
    assert best is not None
    return spread(full(best.x))


def _refit(model, boards, copies, fitted, loss) -> np.ndarray:
    """Fit R bootstrap copies at once: float64[R, 5].

    Levenberg-Marquardt with reweighting for the robust loss, every copy with a damping of its own, from the fit of the measured
    frontiers and from each copy's own start. Scipy fits one copy at a time and takes a hundred times as long.
    """
    size, cost, sizes = _layout(boards)
    values = _targets(copies)
    known = np.isfinite(values)
    values = np.where(known, values, 0.0)
    rows = range(len(values))
    starts = np.array([_data_start(boards, [copy[row] for copy in copies]) for row in rows])
    free = np.array([len(boards) > 1, True, True, len(boards) > 1, True])
    middle = np.array([size.mean() if len(boards) > 1 else 0.0, cost.mean()])
    b, x, boards_b = size - middle[0], cost - middle[1], sizes - middle[0]

    def losses(parameters, rows):
        errors = np.where(known[rows], _evaluate(model, parameters.T[:, :, None], b, x, boards_b) - values[rows], 0.0)
        if loss == "linear":
            return errors, known[rows].astype(float), 0.5 * (errors**2).sum(axis=1)
        root = np.sqrt(1 + (errors / _ELO_SCALE) ** 2)
        return errors, known[rows] / root, _ELO_SCALE**2 * (root - 1).sum(axis=1)

    best, least = np.empty((len(values), len(PARAMETERS))), np.full(len(values), np.inf)
    for start in (np.broadcast_to(fitted, starts.shape), starts):
        now = np.where(free, start, 0.0)
        now[:, 4] += now[:, 2] * middle[1] + now[:, 3] * middle[0]
        now[:, 1] += now[:, 0] * middle[0]
        errors, weights, total = losses(now, slice(None))
        damping = np.full(len(values), 1e-3)
        going = np.arange(len(values))  # copies that have not settled
        for _ in range(_STEPS):
            at, stiff = now[going], damping[going]
            slopes = _gradient(model, at.T[:, :, None], b, x, boards_b)[..., free]
            weighted = slopes * weights[going][:, :, None]
            curvature = weighted.transpose(0, 2, 1) @ slopes
            downhill = -np.einsum("rpi,rp->ri", weighted, errors[going])
            diagonal = np.einsum("rii->ri", curvature)
            ridge = stiff[:, None] * diagonal + 1e-9 * (1 + diagonal.max(axis=1, keepdims=True))
            at[:, free] += np.linalg.solve(curvature + ridge[:, :, None] * np.eye(free.sum()), downhill[:, :, None])[:, :, 0]
            tried = losses(at, going)
            better = tried[2] < total[going]
            gain = np.where(better, total[going] - tried[2], 0.0)
            moved = going[better]
            now[moved], errors[moved], weights[moved], total[moved] = (new[better] for new in (at, *tried))
            damping[going] = stiff = np.clip(np.where(better, stiff / 5, stiff * 8), 1e-7, 1e9)
            going = going[(gain >= 1e-9 * (1 + total[going])) | ((stiff <= 1e6) & ~better)]
            if not len(going):
                break
        now[:, 1] -= now[:, 0] * middle[0]
        now[:, 4] -= now[:, 2] * middle[1] + now[:, 3] * middle[0]
        better = total < least * (1 - 1e-9)
        best, least = np.where(better[:, None], now, best), np.where(better, total, least)
    return best


def _evaluate(model, row, b, x, boards_b) -> np.ndarray:
    """Return the law's Elo at P points and its weighed plateau on B boards, for `row` of shape [5, ...]: float64[..., P + B]."""
    plateaus = np.asarray(row[0] * boards_b + row[1])
    return np.concatenate([evaluate_law(model, row, b, x), _CHEAPEST * plateaus], axis=-1)


def _gradient(model, row, b, x, boards_b) -> np.ndarray:
    """Return the derivative of `_evaluate` by each parameter: float64[..., P + B, 5]."""
    plateau = row[0] * b + row[1]
    incline = row[2] * x + row[3] * b + row[4]
    if model == "change_point":
        by_plateau = ((plateau > incline) & (plateau < 0)).astype(float)
        by_incline = ((incline >= plateau) & (incline < 0)).astype(float)
    else:
        depth = np.minimum(plateau, -1.0)
        exponent = np.clip(2 - 4 * incline / depth, -500, 500)
        share = 1 / (1 + np.exp(exponent))
        slope = share * (1 - share)
        by_plateau = np.where(plateau < -1.0, share - slope * 4 * incline / depth, 0.0)
        by_incline = 4 * slope
    points = np.stack([by_plateau * b, by_plateau, by_incline * x, by_incline * b, by_incline], axis=-1)
    ones, none = np.ones_like(boards_b), np.zeros_like(boards_b)
    plateaus = _CHEAPEST * np.stack([boards_b, ones, none, none, none], axis=-1)
    return np.concatenate([points, np.broadcast_to(plateaus, (*points.shape[:-2], *plateaus.shape))], axis=-2)


def _starts(boards: Sequence[BoardFrontier], rng: np.random.Generator) -> list[np.ndarray]:
    """Return parameters to start from: read off the data, and that perturbed."""
    first = _data_start(boards, [board.elo for board in boards])
    others = first * np.exp(0.3 * rng.standard_normal((_STARTS - 1, len(PARAMETERS))))
    middles = [(board.size, float(np.mean(board.log10_flops)), np.nanmin(board.elo)) for board in boards]
    for row in others:
        # Whatever the slopes, the incline passes half-way up in the middle of the data.
        row[4] = np.mean([depth / 2 - row[2] * cost - row[3] * size for size, cost, depth in middles])
    return [first, *others]


def _data_start(boards: Sequence[BoardFrontier], elo: Sequence[np.ndarray]) -> np.ndarray:
    sizes = np.array([board.size for board in boards], float)
    depths, slopes, centers = [], [], []
    for board, values in zip(boards, elo, strict=True):
        known = np.isfinite(values)
        cost, height = board.log10_flops[known], values[known]
        if not len(height):
            cost, height = board.log10_flops, board.elo
        depth = min(float(height.min()), -10.0)
        rising = (height > 0.85 * depth) & (height < 0.15 * depth)
        run = cost[rising]
        slopes.append(-0.7 * depth / max(float(np.ptp(run)), 0.2) if len(run) > 1 else -depth)
        centers.append(float(run.mean()) if len(run) else float(cost.mean()))
        depths.append(depth)
    m_flops = float(np.median(slopes))
    offsets = np.array(depths) / 2 - m_flops * np.array(centers)
    if len(boards) == 1:
        return np.array([0.0, depths[0], m_flops, 0.0, offsets[0]])
    m_plateau, c_plateau = np.polyfit(sizes, depths, 1)
    m_board, c_incline = np.polyfit(sizes, offsets, 1)
    return np.array([m_plateau, c_plateau, m_flops, m_board, c_incline])
