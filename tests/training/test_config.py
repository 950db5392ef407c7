import dataclasses
import json

import pytest

from hexlab.errors import ConfigError
from hexlab.training.config import Config, preset


def test_a_config_survives_its_file():
    config = Config(size=4, width=8, depth=2, seed=3, recipe="regularized", exploration=0.5)
    assert Config.from_json(config.to_json()) == config


def test_the_kind_of_net_survives_its_file_and_a_dense_run_keeps_its_bytes():
    config = Config(size=4, width=8, depth=2, net="hex")
    assert Config.from_json(config.to_json()) == config
    assert str(config.architecture) == "4x4 hex 8x2"
    dense = dataclasses.replace(config, net="dense")
    assert "net" not in json.loads(dense.to_json())
    assert Config.from_json(dense.to_json()) == dense


def test_later_settings_leave_the_files_of_earlier_runs_alone():
    for name in ("keep_tree", "paper_search", "paper_scale", "mixing_moves", "schedule", "turn"):
        assert f'"{name}"' not in Config().to_json()
    kept = Config(keep_tree=True, schedule="constant", mixing_moves=3, turn=False)
    assert Config.from_json(kept.to_json()) == kept
    assert kept.tree_capacity == 3 * kept.simulations


def test_the_file_does_not_depend_on_the_order_of_its_keys():
    config = Config(size=4)
    values = dict(reversed(list(dataclasses.asdict(config).items())))
    assert Config(**values).to_json() == config.to_json()


def test_an_integer_may_stand_for_a_float():
    assert Config(reuse=2) == Config(reuse=2.0)
    assert Config(reuse=2).to_json() == Config(reuse=2.0).to_json()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"size": 20}, "size=20: give a number from 2 to 19"),
        ({"width": 2.5}, "width=2.5: give a whole number"),
        ({"width": True}, "width=True: give a whole number"),
        ({"seed": -1}, "seed=-1"),
        ({"net": "conv"}, "net='conv' is unknown: choose one of dense, hex"),
        ({"recipe": "magic"}, "recipe='magic' is unknown: choose one of puct, regularized, gumbel"),
        ({"recipe": "gumbel"}, "noise_fraction=0.25 with recipe='gumbel', which has noise of its own, scaled by exploration: give 0"),
        ({"recipe": "gumbel", "keep_tree": True}, "keep_tree=True with recipe='gumbel', which halves its moves"),
        ({"paper_search": True}, "paper_search=True with recipe='puct': give false, or recipe 'regularized'"),
        ({"paper_scale": True}, "paper_scale=True with recipe='puct': give false, or recipe 'regularized'"),
        ({"recipe": "regularized", "paper_search": True, "paper_scale": True}, "paper_scale=True with paper_search=True"),
        ({"schedule": "linear"}, "schedule='linear' is unknown: choose one of cosine, constant"),
        ({"learning_rate": 0.0}, "learning_rate=0.0: give a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: give a finite number"),
        ({"noise_fraction": 1.5}, "noise_fraction=1.5"),
        ({"boards": 100}, "boards=100: give a power of two from 64 up"),
        ({"snapshots": 10**12}, "snapshots=1000000000000: give a number from 1 to 10000"),
        ({"buffer": 10}, "buffer=10 is smaller than what one iteration can finish"),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        Config(**setting)


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"sizes": 5}', "unknown setting 'sizes'"), ("[1]", "expected an object"), ("{", "not JSON")],
)
def test_a_foreign_config_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        Config.from_json(text)


def test_iterations_cover_the_samples():
    config = Config(samples=100_000, groups=4, boards=64, slice_moves=4)
    assert config.samples_an_iteration == 1024
    assert (config.iterations - 1) * 1024 < 100_000 <= config.iterations * 1024


def test_a_run_sets_no_more_aside_than_it_generates():
    config = Config(samples=100_000, groups=4, boards=64, slice_moves=4, buffer=50_000)
    assert config.replay_capacity == 50_000
    assert dataclasses.replace(config, buffer=10**12).replay_capacity == config.iterations * 1024


@pytest.mark.parametrize("net", ["dense", "hex"])
@pytest.mark.parametrize("size", range(2, 20))
def test_every_size_has_a_preset(size, net):
    config = Config(**preset(size, net=net))
    assert (config.size, config.net) == (size, net)


@pytest.mark.parametrize("size", range(2, 20))
def test_the_papers_preset_takes_a_step_on_as_many_positions_as_boards_after_every_move(size):
    config = Config(**preset(size, "paper"))
    assert (config.size, config.net) == (size, "dense")
    assert config.samples_an_iteration == config.batch == config.groups * config.boards
    assert config.updates_an_iteration == 1
    assert config.buffer >= 64 * config.batch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "best"}, "unknown preset 'best': choose default or paper"),
        ({"name": "paper", "net": "hex"}, "preset 'paper' with net='hex' and recipe='puct': it sets both"),
        ({"name": "paper", "recipe": "gumbel"}, "preset 'paper' with net='dense' and recipe='gumbel': it sets both"),
    ],
)
def test_a_preset_that_there_is_not_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        preset(5, **arguments)
