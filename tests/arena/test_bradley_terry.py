"""The fit of a pool of hundreds of agents beside dense formulas: strengths atop the posterior, the inverse, variances passed on."""

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit

from hexlab.arena.bradley_terry import (
    ELO_PER_NAT,
    Pool,
    contrast_variance,
    contrast_variances,
    fit_pool,
    fit_strengths,
    gap_variances,
    passed_variances,
    precision_of,
    sandwich_variances,
)
from hexlab.arena.information import Information

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


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["dense", "sparse"])
def test_the_information_of_a_fit_answers_as_its_dense_inverse(pool, dense, share, monkeypatch):
    monkeypatch.setattr("hexlab.arena.information._FULL", share)
    _, theta, matrix = dense
    strengths, information = fit_pool(pool, PRECISION)
    assert np.array_equal(strengths, theta)
    bread = np.linalg.inv(matrix)
    assert information.matrix.toarray() == pytest.approx(matrix, abs=1e-9)
    assert information.inverse == pytest.approx(bread, rel=1e-6, abs=1e-9)
    assert np.array_equal(information.inverse, information.inverse.T)
    own, shared = information.variances
    assert own == pytest.approx(np.diag(bread), rel=1e-9)
    assert shared == pytest.approx(bread[pool.first, pool.second], rel=1e-6, abs=1e-9)
    sides = np.random.default_rng(6).standard_normal(AGENTS)
    assert information.solve(sides) == pytest.approx(np.linalg.solve(matrix, sides), abs=1e-7)


def test_variances_of_wins_pass_to_gaps_as_by_the_full_product(pool, dense):
    differences, _, matrix = dense
    bread, variances = np.linalg.inv(matrix), np.random.default_rng(5).random(len(differences))
    covariance = bread @ (differences.T * variances) @ differences @ bread
    expected = gap_variances(pool, np.diag(covariance), covariance[pool.first, pool.second])
    assert passed_variances(pool, fit_pool(pool, PRECISION)[1], variances) == pytest.approx(expected, rel=1e-6)


def test_distances_from_an_anchor_lose_what_all_share(pool, dense):
    differences, _, matrix = dense
    bread, variances = np.linalg.inv(matrix), np.random.default_rng(7).random(len(differences))
    _, information = fit_pool(pool, PRECISION)
    for zero in (np.full(AGENTS, 1 / AGENTS), np.eye(AGENTS)[7]):
        contrast = np.eye(AGENTS) - zero
        assert contrast_variances(information, zero) == pytest.approx(np.diag(contrast @ bread @ contrast.T), rel=1e-6, abs=1e-9)
        covariance = bread @ (differences.T * variances) @ differences @ bread
        expected = np.diag(contrast @ covariance @ contrast.T)
        assert contrast_variance(pool, information, contrast[3], variances) == pytest.approx(expected[3], rel=1e-6)
        assert sandwich_variances(pool, information, zero, variances) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_an_anchor_is_not_far_from_itself_by_rounding(pool):
    """Rounding would leave some of them a variance of 1e-17 nats squared."""
    variances = np.random.default_rng(7).random(len(pool.games))
    _, information = fit_pool(pool, PRECISION)
    for anchor, zero in enumerate(np.eye(AGENTS)[:20]):
        assert contrast_variances(information, zero)[anchor] == 0
        assert sandwich_variances(pool, information, zero, variances)[anchor] == 0


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["dense", "sparse"])
@pytest.mark.parametrize("agents", [2, 3, 12])
def test_information_of_pools_of_every_shape(agents, share, monkeypatch):
    """Chains, rings and pools in which all met, some of whose entries cancel in the elimination."""
    monkeypatch.setattr("hexlab.arena.information._FULL", share)
    generator = np.random.default_rng(agents)
    chain = [(agent, agent + 1) for agent in range(agents - 1)]
    ring = sorted({*chain, *([(0, agents - 1)] if agents > 2 else [])})
    everybody = [(one, other) for one in range(agents) for other in range(one + 1, agents)]
    for pairs in (chain, ring, everybody):
        first, second = np.array(pairs).T
        for signs in (1.0, -1.0):
            matrix = 3.0 * agents * np.eye(agents)
            matrix[first, second] = matrix[second, first] = signs
            information = Information(scipy.sparse.csr_matrix(matrix), first, second)
            filling = np.where(matrix != 0, generator.random((agents, agents)), 0)
            filling += filling.T
            inverse = np.linalg.inv(matrix)
            assert information.variances[0] == pytest.approx(np.diag(inverse), rel=1e-9)
            assert information.variances[1] == pytest.approx(inverse[first, second], rel=1e-9, abs=1e-15)
            passed, filled = inverse @ filling @ inverse, scipy.sparse.csr_matrix(filling)
            gaps = np.diag(passed)[first] + np.diag(passed)[second] - 2 * passed[first, second]
            assert information.pass_to_pairs(filled) == pytest.approx(gaps, rel=1e-9)
            zero = generator.random(agents)
            contrast = np.eye(agents) - zero / zero.sum()
            distances = np.diag(contrast @ passed @ contrast.T)
            assert information.pass_to_distances(filled, zero / zero.sum()) == pytest.approx(distances, rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["dense", "sparse"])
def test_a_prior_that_says_nothing_costs_no_digits_of_the_variances(pool, share, monkeypatch):
    """Beyond some 100,000 Elo nothing changes; the oracle holds one agent fast and does without."""
    monkeypatch.setattr("hexlab.arena.information._FULL", share)
    wins, zero = pool.games / 4, np.eye(AGENTS)[7]
    precision = precision_of(1e6)
    theta, information = fit_pool(pool, precision)
    differences = pool.differences.toarray()[:, np.arange(AGENTS) != 7]  # agent 7 is held at 0
    slopes = pool.games * expit(pool.differences @ theta) * expit(-(pool.differences @ theta))
    bread = np.linalg.inv(differences.T * slopes @ differences)
    covariance = bread @ (differences.T * wins) @ differences @ bread
    expected = np.insert(np.diag(covariance), 7, 0)
    assert sandwich_variances(pool, information, zero, wins) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert passed_variances(pool, information, wins) == pytest.approx(np.diag(differences @ covariance @ differences.T), rel=1e-5)
