"""The cheapest pair of training and search: planted exchanges have a known answer, and every pair is tried by hand."""

import dataclasses
import math

import numpy as np
import pytest
from planted_tables import plant, tiny

from hexlab.errors import ConfigError
from hexlab.records import Timing
from hexlab.scaling import NotEnoughDataError, Tradeoff, pools
from hexlab.scaling.serving import (
    Demand,
    Isoquant,
    Price,
    _charge,  # what luck does to it needs thousands of tables
    charge_agent,
    find_isoquants,
    find_plan,
    fit_speeds,
    price_core_hours,
    solve_tradeoff,
)
from hexlab.scaling.surfaces import Surface


def make_isoquant(train_flops, test_flops, runs=None):
    """Return an isoquant of pairs that are exactly known."""
    count = len(train_flops)
    runs = runs or ("net",) * count
    return Isoquant(5, -100.0, runs, train_flops, test_flops, np.full(count, 0.25), np.full(count, 10.0), np.empty((0, count)))


def with_timings(tables, flops_per_second):
    """Return the tables with the timings of runs that all train at one speed."""
    timings = tuple(Timing(row.run, row.snapshot, row.train_flops / flops_per_second, math.nan) for row in tables.snapshots)
    return dataclasses.replace(tables, timings=timings)


@pytest.mark.parametrize("slope", [-0.5, -1.0, -1.2, -2.0])
def test_a_power_law_splits_every_bill_alike(slope):
    # Cobb and Douglas: with test = k * train ** slope training takes -slope / (1 - slope) of the best bill, however many games.
    train = np.geomspace(1e4, 1e24, 20_001)
    isoquant = make_isoquant(train, 1e20 * train**slope)
    law = Tradeoff(5, "train_flops", *(np.empty(0),) * 3, slope, per_elo=0.01, intercept=21.0, intervals={}, r2=1.0)
    for games in (1e2, 1e5, 1e8):
        demand, price = Demand(games, 7.5), Price(2e-17, 3e-17, "USD")
        plan = find_plan(isoquant, demand, price)
        assert plan.bill.train_share == pytest.approx(-slope / (1 - slope), abs=1e-3)
        best_train, best_test = solve_tradeoff(law, -100, demand, price)
        assert plan.train_flops == pytest.approx(best_train, rel=3e-3)
        assert plan.test_flops == pytest.approx(best_test, rel=3e-3 * abs(slope) + 1e-6)
        assert plan.bill.total == pytest.approx(2e-17 * best_train + games * 7.5 * 3e-17 * best_test, rel=1e-5)


def test_no_pair_is_cheaper():
    rng = np.random.default_rng(0)
    for _ in range(20):
        runs = tuple(f"run{number % 7}" for number in range(200))
        isoquant = make_isoquant(10 ** rng.uniform(8, 12, 200), 10 ** rng.uniform(2, 6, 200), runs)
        demand = Demand(10 ** rng.uniform(1, 8), rng.uniform(1, 40))
        price = Price(*({f"run{number}": rng.uniform(1, 9) for number in range(7)} for _ in range(2)))
        bills = [
            price.train[run] * train + demand.games * demand.moves * price.serve[run] * test
            for run, train, test in zip(runs, isoquant.train_flops, isoquant.test_flops, strict=True)
        ]
        plan = find_plan(isoquant, demand, price)
        assert plan.bill.total == pytest.approx(min(bills))
        assert plan.run == runs[bills.index(min(bills))]
        assert plan.simulations == plan.test_flops / 10


def test_where_the_pairs_end_the_split_moves_with_the_games():
    train = np.geomspace(1e8, 1e10, 201)
    isoquant = make_isoquant(train, 1e14 / train)
    shares = [find_plan(isoquant, Demand(games, 5), Price()).bill.train_share for games in (1.0, 1e3, 1e6, 1e9)]
    assert shares[0] > 0.9  # no cheaper training reaches the level, and few games ask for search
    assert shares[1] == pytest.approx(0.5, abs=0.17)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.01  # search is at its least, and all else goes to the games


def test_the_edge_leaves_out_pairs_that_another_undercuts():
    isoquant = make_isoquant(np.array([3.0, 1.0, 2.0, 4.0]), np.array([5.0, 9.0, np.inf, 6.0]))
    assert isoquant.train_flops[isoquant.edge].tolist() == [1.0, 3.0]


def test_a_bill_names_its_parts():
    bill = find_plan(make_isoquant(np.array([1e9]), np.array([1e3])), Demand(1e5, 5), Price(2.0, 3.0)).bill
    assert bill == (1.5e9, 0.5e9, 1.5e9)
    assert bill.train_share == pytest.approx(4 / 7)


def test_every_pair_of_the_tables_tried_by_hand_gives_the_same_plan():
    tables, _ = tiny()
    size, level, demand, price = 3, -60.0, Demand(3e4, 3), Price(1.0, 2.0)
    isoquant = find_isoquants(tables, size, [level])[0]
    halves = [pools.rate_pool(half) for half in pools.gather_halves(tables)]
    picking, rating = (dict(zip(half.agents, half.elo, strict=True)) for half in halves)

    def needed(elo, run, cost):
        """Walk up the budgets to the first that reaches the level, each interpolated between the run's snapshots."""
        before = None
        for budget in (1, 8, 64):
            line = sorted(
                (math.log10(tables.snapshot_by_key[run, agent.snapshot].train_flops), elo[agent.agent], math.log10(agent.test_flops))
                for agent in tables.agents
                if agent.run == run and agent.snapshot > 0 and agent.test_simulations == budget
            )
            if cost < line[0][0] - 1e-9:
                return math.inf
            here = float(np.interp(cost, [each[0] for each in line], [each[1] for each in line])), line[0][2]
            if here[0] >= level:
                if before is None:
                    return 10 ** here[1]
                return 10 ** (before[1] + (level - before[0]) / (here[0] - before[0]) * (here[1] - before[1]))
            before = here
        return math.inf

    pairs = []
    for cost in np.arange(70, 125) / 10:
        for run in sorted({row.run for row in tables.runs}):
            picked, rated = needed(picking, run, cost), needed(rating, run, cost)
            if math.isfinite(picked + rated):
                pairs.append((cost, run, picked, rated))
    least, logs = math.inf, []
    for cost in sorted({pair[0] for pair in pairs}):  # the pairs that no other undercuts say how far luck flatters the half that picks
        picked, rated = min(pair[2:] for pair in pairs if pair[0] == cost)
        if picked < least:
            logs.append(math.log(rated / picked))
            least = picked
    factor = math.exp(sum(logs) / len(logs))
    smallest = {agent.run: agent.test_flops for agent in tables.agents if agent.test_simulations == 1}
    bill, cost, run, test = min(
        (10**cost + 2 * demand.games * demand.moves * max(factor * picked, smallest[run]), cost, run, max(factor * picked, smallest[run]))
        for cost, run, picked, _ in pairs
    )
    plan = find_plan(isoquant, demand, price)
    assert len(logs) > 3
    assert (plan.run, plan.train_flops) == (run, pytest.approx(10**cost))
    assert plan.test_flops == pytest.approx(test)
    assert plan.bill.total == pytest.approx(bill)


def bills_by_single_ratings(tables, size, levels, games):
    """Return bills in FLOPs, float64[levels, games], where each pair is picked by one half and charged what the other says of it alone."""
    surface = Surface.of(tables.select(size), size, "train_flops")
    every = np.ones((1, len(surface.runs)), bool)
    halves = [pools.rate_pool(half).column(surface.agents)[None] for half in pools.gather_halves(tables.select(size))]
    bills = []
    for level in levels:
        picked, rated = (10 ** surface.reach(surface.interpolate(elo, every), level)[0][0] for elo in halves)
        picked = np.where(np.isfinite(rated), picked, np.inf)
        totals = 10**surface.grid + np.multiply.outer(games, picked)
        places = totals.reshape(len(games), -1).argmin(axis=1)
        bills.append(np.tile(10**surface.grid, len(surface.runs))[places] + games * rated.ravel()[places])
    return np.array(bills)


def falls(values):
    """Whether numbers of rows of levels and columns of games fall with either."""
    with np.errstate(invalid="ignore"):  # of infinity less infinity
        return bool((np.diff(values, axis=0) < 0).any() or (np.diff(values, axis=1) < 0).any())


def test_bills_and_their_intervals_grow_with_the_games_and_with_the_elo():
    levels, games, fell = np.arange(-300.0, -50.0, 25.0), np.geomspace(1, 1e9, 28), 0
    for seed in range(3):
        nets = {4: ((4, 2), (16, 2), (32, 2))}
        tables, _ = plant(sizes=(4,), nets=nets, snapshots=6, budgets=(1, 4, 16, 64), openings=16, seed=seed)  # few games, much luck
        fell += falls(bills_by_single_ratings(tables, 4, levels, games))
        isoquants = find_isoquants(tables, 4, levels, bootstrap=20)
        assert [isoquant.level for isoquant in isoquants] == levels.tolist()
        plans = [[find_plan(isoquant, Demand(count, 1), Price()) for count in games] for isoquant in isoquants]
        assert not falls([[plan.bill.total for plan in row] for row in plans])
        assert not falls([[plan.total_interval[0] for plan in row] for row in plans])
        assert not falls([[plan.total_interval[1] for plan in row] for row in plans])
    assert fell > 1  # that is what luck does to single ratings


def test_the_luck_of_the_halves_neither_flatters_nor_spoils_a_charge():
    tables, truth = plant(sizes=(4,), nets={4: ((4, 2), (8, 2), (16, 2), (32, 2))}, snapshots=6, openings=4)
    surface = Surface.of(tables, 4, "train_flops")
    draws, rng = 2000, np.random.default_rng(0)
    every = np.ones((draws, len(surface.runs)), bool)
    known = np.array([truth[agent] for agent in surface.agents])
    picking, rating = (surface.interpolate(known + 25 * rng.standard_normal((draws, len(known))), every) for _ in range(2))
    for level in (-200.0, -150.0):
        exact = surface.reach(surface.interpolate(known[None], every[:1]), level)[0].reshape(-1)
        charged = _charge(surface, (picking, rating), level)
        picked = np.where(np.isfinite(charged), 10 ** surface.reach(picking, level)[0].reshape(draws, -1), np.inf)
        errors = []
        for test_flops in (picked, charged):
            place = np.argmin(np.tile(10**surface.grid, len(surface.runs)) + 1e4 * test_flops, axis=1)
            error = np.log10(test_flops[np.arange(draws), place]) - exact[place]
            errors.append(float(error[np.isfinite(error)].mean()))
        assert errors[0] < -0.025  # the cheapest pair by one half is the luckiest
        assert abs(errors[1]) < 0.012
        above = np.isfinite(charged) & (charged > 1.001 * np.repeat(10 ** surface.log10_test[:, 0], len(surface.grid)))
        ratios = [row[seen] / other[seen] for row, other, seen in zip(charged, picked, above, strict=True)]
        assert all(row == pytest.approx(row[:1].repeat(len(row))) for row in ratios)  # the half that rates says nothing of one pair


def test_a_planted_exchange_is_split_as_it_should_be():
    # One net: a decade of training is worth 1 / 0.9 decades of search, so training takes 0.526 of the bill.
    tables, _ = plant(
        sizes=(5,), nets={5: ((32, 4),)}, seeds=(0,), snapshots=14, span=4.0, seed_sd=0.0, greed=0.0, openings=120, search_worth=0.9
    )
    isoquant = find_isoquants(tables, 5, [-250.0], bootstrap=60)[0]
    middle = isoquant.edge[len(isoquant.edge) // 2]
    games = isoquant.train_flops[middle] / (isoquant.test_flops[middle] * 7.5)
    plan = find_plan(isoquant, Demand(games, 7.5), Price())
    assert plan.bill.train_share == pytest.approx(0.526, abs=0.2)  # grid and noise; the bill is flat around its least
    assert plan.share_interval[0] <= 0.526 <= plan.share_interval[1]
    assert plan.total_interval[0] <= plan.bill.total <= plan.total_interval[1]
    assert plan.train_interval[0] <= plan.train_flops <= plan.train_interval[1]
    assert plan.simulations_interval[0] <= plan.simulations <= plan.simulations_interval[1]


def test_core_hours_charge_each_run_by_its_own_speed():
    tables = with_timings(tiny()[0], 5e8)
    assert list(fit_speeds(tables).values()) == pytest.approx([5e8, 5e8])
    agent = next(row for row in tables.agents if row.snapshot == 6 and row.test_simulations == 8)
    snapshot = tables.snapshot_by_key[agent.run, 6]
    bill = charge_agent(tables, agent.agent, Demand(100, 3), price_core_hours(tables, 0.04, "USD"))
    assert bill.selfplay == pytest.approx(snapshot.selfplay_flops / 5e8 / 3600 * 0.04)
    assert bill.learner == pytest.approx(snapshot.learner_flops / 5e8 / 3600 * 0.04)
    assert bill.serving == pytest.approx(300 * agent.test_flops / 5e8 / 3600 * 0.04)
    assert charge_agent(tables, agent.agent, Demand(100, 3), Price()).selfplay == snapshot.selfplay_flops


def test_speeds_leave_out_the_start_and_runs_that_shared_their_core():
    tables, _ = plant(sizes=(3,), nets={3: ((1, 1), (4, 2), (16, 2), (64, 4))}, seeds=(0, 1, 2), openings=8)
    seeds = {row.run: row.seed for row in tables.runs}

    def spend(row):
        alone = 2e-6 * row.simulations + row.train_flops / 4e10  # in the tree, in the network
        return (alone * (5 if seeds[row.run] == 0 else 1) + 3.0) * (row.snapshot > 0)

    timed = dataclasses.replace(tables, timings=tuple(Timing(row.run, row.snapshot, spend(row), math.nan) for row in tables.snapshots))
    for run, speed in fit_speeds(timed).items():
        last = max((row for row in tables.snapshots if row.run == run), key=lambda row: row.snapshot)
        assert last.train_flops / speed == pytest.approx(2e-6 * last.simulations + last.train_flops / 4e10)
    single = with_timings(plant(sizes=(3,), nets={3: ((1, 1), (4, 2))}, seeds=(0,), snapshots=1, openings=8)[0], 5e8)
    assert list(fit_speeds(single).values()) == pytest.approx([5e8, 5e8])  # with one snapshot a run the start is not told apart


def test_what_makes_no_sense_is_refused():
    tables, _ = tiny()
    with pytest.raises(ConfigError, match=r"price train of 0.*a number above 0"):
        Price(train=0)
    with pytest.raises(ConfigError, match="price serve of nan"):
        Price(serve={"run": math.nan})
    with pytest.raises(ConfigError, match="demand of games of -1"):
        Demand(-1, 5)
    with pytest.raises(ConfigError, match="no price for run"):
        find_plan(find_isoquants(tables, 3, [-60.0])[0], Demand(1, 5), Price(train={"other": 1.0}))
    with pytest.raises(ConfigError, match="'perfect-3' is no snapshot"):
        charge_agent(tables, "perfect-3", Demand(1, 5), Price())
    with pytest.raises(NotEnoughDataError, match=r"needs timings\.csv"):
        price_core_hours(tables)
    with pytest.raises(NotEnoughDataError, match="that reach 900 Elo"):
        find_isoquants(tables, 3, [900.0])
    law = Tradeoff(5, "train_flops", *(np.empty(0),) * 3, 0.1, per_elo=0.01, intercept=21.0, intervals={}, r2=1.0)
    with pytest.raises(NotEnoughDataError, match=r"slope 0\.10, which is not below 0"):
        solve_tradeoff(law, -100, Demand(1, 5), Price())
    with pytest.raises(ConfigError, match="prices by run"):
        solve_tradeoff(dataclasses.replace(law, slope=-1.0), -100, Demand(1, 5), Price(train={"run": 1.0}))


def test_without_bootstrap_a_plan_has_no_intervals():
    plan = find_plan(find_isoquants(tiny()[0], 3, [-60.0])[0], Demand(1e4, 3), Price())
    assert np.isnan([*plan.train_interval, *plan.simulations_interval, *plan.total_interval, *plan.share_interval]).all()
