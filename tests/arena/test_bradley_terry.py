"""The fit of a pool of hundreds of agents beside dense formulas: strengths atop the posterior, the inverse, variances passed on."""

import numpy as np
import pytest
from scipy.special import expit

from hexlab.arena.bradley_terry import (
    ELO_PER_NAT,
    Pool,
    contrast_variances,
    factor,
    fit_pool,
    fit_strengths,
    gap_variances,
    inform,
    passed_variances,
    precision_of,
)

AGENTS = 300
PRECISION = precision_of(4000.0)


@pytest.fixture(scope="module")
def pool():
    """A ladder over 3,000 Elo: everybody meets the best, the worst and three at random; the worst loses nearly all."""
    generator = np.random.default_rng(3)
    strengths = np.linspace(1500, -1500, AGENTS) / ELO_PER_NAT
    ends = np.array([(0, agent) for agent in range(1, AGENTS)] + [(agent, AGENTS - 1) for agent in range(1, AGENTS - 1)])
    others = np.sort(generator.integers(AGENTS, size=(3 * AGENTS, 2)), axis=1)
    first, second = np.unique(np.concatenate([ends, others[others[:, 0] < others[:, 1]]]), axis=0).T
    chances = expit(strengths[first] - strengths[second])
    counts = generator.multinomial(20, np.array([chances**2, chances * (1 - chances), chances * (1 - chances), (1 - chances) ** 2]).T)
    return Pool(5, [f"{agent:03}" for agent in range(AGENTS)], first, second, counts)


@pytest.fixture(scope="module")
def dense(pool):
    """The differences, the strengths and the information as dense arrays."""
    differences = pool.differences.toarray()
    theta = fit_strengths(pool, PRECISION)
    chances = expit(differences @ theta)
    return differences, theta, (differences.T * (pool.games * chances * (1 - chances))) @ differences + PRECISION * np.eye(AGENTS)


def test_strengths_are_at_the_top_of_the_posterior(pool, dense):
    differences, theta, information = dense
    gradient = differences.T @ (pool.wins - pool.games * expit(differences @ theta)) - PRECISION * theta
    assert np.abs(np.linalg.solve(information, gradient)).max() < 1e-7
    assert theta.sum() == pytest.approx(0, abs=1e-6)


def test_a_start_changes_no_strength(pool, dense):
    generator = np.random.default_rng(4)
    assert fit_strengths(pool, PRECISION, dense[1] + generator.standard_normal(AGENTS)) == pytest.approx(dense[1], abs=1e-7)


def test_information_and_its_inverse_are_those_of_dense_arrays(pool, dense):
    _, theta, information = dense
    lower = np.tril(factor(inform(pool, theta, PRECISION)))
    assert lower @ lower.T == pytest.approx(information, abs=1e-9)
    strengths, bread = fit_pool(pool, PRECISION)
    assert np.array_equal(strengths, theta)
    assert bread == pytest.approx(np.linalg.inv(information), rel=1e-6, abs=1e-9)
    assert np.array_equal(bread, bread.T)


def test_variances_of_wins_pass_to_gaps_as_by_the_full_product(pool, dense):
    differences, _, information = dense
    bread, variances = np.linalg.inv(information), np.random.default_rng(5).random(len(differences))
    covariance = bread @ (differences.T * variances) @ differences @ bread
    assert passed_variances(pool, bread, variances) == pytest.approx(gap_variances(covariance, pool), rel=1e-9)


def test_distances_from_the_mean_lose_what_all_share():
    shared = np.full((4, 4), 7.0) + np.eye(4)
    assert contrast_variances(shared, np.full(4, 0.25)) == pytest.approx(np.full(4, 0.75))
