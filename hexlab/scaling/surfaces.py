"""Elo of every run over training compute and test budgets: what trade-offs, ceilings and prices are read from."""

import dataclasses

import numpy as np

from hexlab.scaling import pools
from hexlab.scaling.frontiers import SOURCES, draw_runs
from hexlab.scaling.grids import RunGrid
from hexlab.scaling.tables import NotEnoughDataError, Tables

__all__ = ["Surface"]


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """The runs of one board on a common grid of training compute. Axis letters: K runs, T budgets, G grid points, A agents, R copies.

    Attributes:
        grid: float64[G], log10 of training compute, a tenth of a decade apart.
        runs: K run keys.
        cells: K pairs (width, depth); runs of one cell differ in their seed alone.
        simulations: int64[T], test budgets, increasing.
        agents: A agent keys.
        on_grid: the runs at each budget on the grid, [K, T, G].
        log10_test: float64[K, T], compute a move; nan where the run was not rated at that budget.
    """

    grid: np.ndarray
    runs: tuple[str, ...]
    cells: tuple[tuple[int, int], ...]
    simulations: np.ndarray
    agents: tuple[str, ...]
    on_grid: RunGrid
    log10_test: np.ndarray

    @classmethod
    def of(cls, tables: Tables, size: int, x: str, *, complete: bool = False) -> "Surface":
        """Build the surface of one board from the trained snapshots of its grid.

        Args:
            tables: the tables of that board alone.
            size: board size.
            x: cost of training, as in `COSTS`.
            complete: leave out budgets at which some snapshot was not rated.

        Raises:
            NotEnoughDataError: fewer than two budgets.
        """
        lines: dict[str, dict[int, list[tuple[float, str, float]]]] = {}
        for agent in tables.grid_agents:
            if agent.agent in tables.rating_by_agent:
                flops = tables.cost(agent.run, agent.snapshot, x)
                if flops > 0 and agent.test_flops > 0:
                    line = lines.setdefault(agent.run, {}).setdefault(agent.test_simulations, [])
                    line.append((float(np.log10(flops)), agent.agent, float(np.log10(agent.test_flops))))
        budgets = sorted({budget for line in lines.values() for budget in line})
        if complete:
            most = {run: max(map(len, line.values())) for run, line in lines.items()}
            budgets = [budget for budget in budgets if all(len(line.get(budget, ())) == most[run] for run, line in lines.items())]
        if len(budgets) < 2:
            raise NotEnoughDataError(f"not enough data: needs agents at two test budgets on {size}x{size}; has {len(budgets)}")
        runs = sorted(lines)
        agents = [agent for run in runs for budget in budgets for _, agent, _ in lines[run].get(budget, ())]
        place = {agent: position for position, agent in enumerate(agents)}
        costs = [cost for run in runs for line in lines[run].values() for cost, _, _ in line]
        first, last = np.ceil(min(costs) * 10 - 1e-9), np.floor(max(costs) * 10 + 1e-9)
        grid = np.arange(first, max(last, first) + 1) / 10
        shape = len(runs), len(budgets)
        laid = [sorted(lines[run].get(budget, ())) for run in runs for budget in budgets]
        flat = RunGrid.of(grid, [([cost for cost, _, _ in line], [place[agent] for _, agent, _ in line]) for line in laid])
        on_grid = RunGrid(*(each.reshape(*shape, len(grid)) for each in flat))
        log10_test = np.array([line[0][2] if line else np.nan for line in laid]).reshape(shape)
        cells = tuple((tables.run_by_key[run].width, tables.run_by_key[run].depth) for run in runs)
        return cls(grid, tuple(runs), cells, np.array(budgets), tuple(agents), on_grid, log10_test)

    def measure(self, halves: tuple[pools.PoolGames, pools.PoolGames]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the agents' Elo by the half that picks and by the half that rates, float64[1, A] each, and every run drawn, bool[1, K]."""
        picking, rating = (pools.rate_pool(half).column(self.agents)[None] for half in halves)
        return picking, rating, np.ones((1, len(self.runs)), bool)

    def resample(
        self, halves: tuple[pools.PoolGames, pools.PoolGames], samples: int, seed: int, size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw bootstrap copies over openings, seeds and cells of what `measure` returns: float64[R, A] twice and bool[R, K]."""
        rng = np.random.default_rng([seed & 0xFFFFFFFF, 4, size])
        return *pools.bootstrap_halves(halves, self.agents, samples, seed, size), draw_runs(self.cells, samples, rng, SOURCES)

    def interpolate(self, elo: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Return the Elo float64[R, K, T, G] of the drawn runs bool[R, K] from the agents' Elo float64[R, A], -inf where there is none."""
        values = self.on_grid.interpolate(elo)
        return np.where(drawn[:, :, None, None] & np.isfinite(values), values, -np.inf)

    def interpolate_halves(self, picking: np.ndarray, rating: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate what `measure` or `resample` returned: by the half that picks and by the half that rates."""
        return self.interpolate(picking, drawn), self.interpolate(rating, drawn)

    def reach(self, height: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return log10 of the test compute at which each run reaches a level, interpolated in log10 between its budgets.

        Args:
            height: float64[R, K, T, G], from `interpolate`.
            level: Elo.

        Returns:
            float64[R, K, G], the smallest budget's where that already reaches the level and inf where none does, and
            bool[R, K, G], whether it lies between two budgets.
        """
        test = np.where(np.isnan(self.log10_test), np.inf, self.log10_test)
        test = np.broadcast_to(test[None, :, :, None], height.shape)
        reached = height >= level
        first = np.argmax(reached, axis=2)[:, :, None]  # lowest budget that reaches the level
        some = reached.any(axis=2)
        before = np.maximum(first - 1, 0)
        up, down = (np.take_along_axis(height, index, axis=2)[:, :, 0] for index in (first, before))
        right, left = (np.take_along_axis(test, index, axis=2)[:, :, 0] for index in (first, before))
        inner = some & (first[:, :, 0] > 0) & np.isfinite(down)
        with np.errstate(invalid="ignore", divide="ignore"):
            between = left + (level - down) / np.where(up > down, up - down, 1.0) * (right - left)
        return np.where(inner, between, np.where(some, right, np.inf)), inner

    def needed(self, picking: np.ndarray, rating: np.ndarray, drawn: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Return log10 of the test compute that reaches each level: float64[R, L, G], nan where there is no point.

        Runs are picked by one Elo, float64[R, A], and rated by another.
        """
        heights = self.interpolate_halves(picking, rating, drawn)
        answer = np.full((len(picking), len(levels), len(self.grid)), np.nan)
        for at, level in enumerate(levels):
            (cost, inner), (rated, seen) = (self.reach(height, level) for height in heights)
            best = np.argmin(cost, axis=1)[:, None]
            least, picked_inner, value, picked_seen = (np.take_along_axis(each, best, axis=1)[:, 0] for each in (cost, inner, rated, seen))
            running = np.minimum.accumulate(least, axis=1)
            # A point at the floor, or cheaper ones after it, only say that no search was needed.
            floored = np.minimum.accumulate(np.where(picked_inner, np.inf, least), axis=1)
            earlier = np.concatenate([np.full((len(least), 1), np.inf), running[:, :-1]], axis=1)
            fresh = np.isfinite(running) & (running < floored) & (running < earlier)
            answer[:, at] = np.where(fresh & picked_seen, value, np.nan)
        return answer
