import pytest

from hexlab import network, scaling
from hexlab.errors import ConfigError
from hexlab.lab import grids
from hexlab.training import Config, preset, run_key

SMALL = """
[small]
about = "a test"
seeds = [0, 7]
test_simulations = [1, 2]
openings = 4
bootstrap = 10
settings = { groups = 1, boards = 64, slice_moves = 4, simulations = 8, buffer = 9_000 }

[[small.boards]]
size = 3
nets = ["2x1", "64x2"]
simulations = 100_000
flops = 1e9
settings = { snapshots = 3 }
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(SMALL)
    return path


def test_a_scale_becomes_one_config_a_board_net_and_seed(small):
    grid = grids.read_grid("small", small)
    assert [(cell.size, cell.width, cell.depth, cell.seed) for cell in grid.cells] == [
        (3, 2, 1, 0), (3, 2, 1, 7), (3, 64, 2, 0), (3, 64, 2, 7)
    ]  # fmt: skip
    assert all(cell.snapshots == 3 and cell.simulations == 8 for cell in grid.cells)


def test_a_net_may_be_of_hexagonal_convolutions(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(SMALL.replace('"2x1"', '"hex 8x3"'))
    assert [str(cell.architecture) for cell in grids.read_grid("small", path).cells[::2]] == ["3x3 hex 8x3", "3x3 64x2"]


def test_presets_are_set_beside_the_grid_and_end_at_their_cap(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(SMALL + "presets = { default = 1_000_000_000, paper = 640_000 }\n")
    grid = grids.read_grid("small", path)
    names = [grid.presets.get(run_key(cell), "") for cell in grid.cells]
    assert names == [""] * 4 + ["default", "paper"]
    default, paper = grid.cells[4:]
    assert default == Config(**preset(3), snapshots=3)
    assert paper == Config(**{**preset(3, "paper"), "samples": 10_000, "snapshots": 3})


def test_frontier_nets_get_further_seeds_and_their_first_seed_further_budgets(tmp_path):
    path = tmp_path / "experiment.toml"
    more = 'frontier_seeds = [8, 9]\nfrontier_simulations = [64, 128]\nopenings = 4\n'
    path.write_text(SMALL.replace("openings = 4\n", more) + 'frontier = ["64x2"]\n')
    grid = grids.read_grid("small", path)
    assert [(cell.width, cell.seed) for cell in grid.cells] == [(2, 0), (2, 7), (64, 0), (64, 7), (64, 8), (64, 9)]
    assert [grid.budgets(run_key(cell)) for cell in grid.cells] == [(1, 2)] * 2 + [(1, 2, 64, 128)] + [(1, 2)] * 3
    path.write_text(path.read_text() + "frontier_seeds = []\n")
    alone = grids.read_grid("small", path)
    assert [(cell.width, cell.seed) for cell in alone.cells] == [(2, 0), (2, 7), (64, 0), (64, 7)]
    assert alone.more_simulations == grid.more_simulations
    path.write_text(path.read_text() + "frontier_simulations = [32]\n")
    assert set(grids.read_grid("small", path).more_simulations.values()) == {(32,)}


def test_agents_of_frontier_nets_may_be_known_better(tmp_path):
    path = tmp_path / "experiment.toml"
    more = "frontier_seeds = [8]\nhalf_width = 90\nfrontier_half_width = 40\nopenings = 4\n"
    path.write_text(SMALL.replace("openings = 4\n", more) + 'frontier = ["64x2"]\n')
    grid = grids.read_grid("small", path)
    assert grid.half_width == 90
    assert grid.half_widths == {run_key(cell): 40 for cell in grid.cells if cell.width == 64}
    assert len(grid.half_widths) == 3


def test_nets_of_a_width_may_have_settings_of_their_own(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(SMALL.replace("openings = 4\n", "openings = 4\nby_width = { 64 = { learning_rate = 1e-4 } }\n"))
    assert {(cell.width, cell.learning_rate) for cell in grids.read_grid("small", path).cells} == {(2, 3e-3), (64, 1e-4)}


def test_the_paper_scale_declares_the_networks_and_the_training_of_the_original():
    grid = grids.read_grid("paper")
    drawn = {(point.size, point.width, point.depth) for point in scaling.paper_curves()}
    assert {(cell.size, cell.width, cell.depth) for cell in grid.cells} == drawn
    for cell in grid.cells[:: len(grid.cells) // 6]:
        original = preset(cell.size, "paper")
        shared = {"boards", "groups", "batch", "buffer", "width", "depth", "samples"}  # what the preset divides by 64, and the net
        assert {name: getattr(cell, name) for name in original if name not in shared} == {
            name: value for name, value in original.items() if name not in shared
        }
        assert cell.batch == 64 * original["batch"] == cell.samples_an_iteration
        assert cell.buffer == 64 * original["buffer"]


def test_the_tighter_of_both_caps_binds(small):
    narrow, _, wide, _ = grids.read_grid("small", small).cells
    assert narrow.samples == 100_000 // 8
    forward = network.flops.count_forward(network.Architecture(3, 64, 2))
    assert wide.samples == int(1e9 / forward // 8) < narrow.samples


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds", "seed", "'seed' is unknown"),
        ("[0, 7]", "[0, 7, 0]", r"trains 3x3 2x1 seed 0 twice, by seeds = \[0, 7, 0\], .*: name each net and seed once"),
        ("flops = 1e9", "flops = 1e9\nfrontier = ['64x2']\nfrontier_seeds = [7, 8]", r"64x2 seed 7 twice, by .* frontier_seeds = \[7, 8"),
        ("flops = 1e9", "flops = 1e9\nfrontier = ['2x1', '2x1']\nfrontier_seeds = [8]", "3x3 2x1 seed 8 twice, by .* = .'2x1', '2x1'"),
        ("[1, 2]", "[1, 2, 1]", r"test_simulations = \[1, 2, 1\] of scale 'small' name 1 twice: name each number of simulations once"),
        ("flops = 1e9", "flops = 1e9\nfrontier_simulations = [2, 8]", r" and frontier_simulations = \[2, 8\] of .* name 2 twice"),
        ("openings = 4\n", "openings = 4\nfrontier_simulations = [2, 8]\n", r" and frontier_simulations = \[2, 8\] of .* name 2 twice"),
        ('"2x1"', '"2"', "net '2': write width x depth"),
        ('"2x1"', '"2x²"', "net '2x²': write width x depth"),
        ('"2x1"', '"round 2x1"', "net 'round 2x1': write width x depth"),
        ('"2x1"', '"hex 64x2"', "two nets of a board of scale 'small' are 64x2"),
        ("groups = 1", "group = 1", "unknown training setting 'group'"),
        ("openings = 4\n", "", "'openings' is missing"),
        ("openings = 4\n", "openings = 4\nhalf_width = 0\n", "half_width = 0 of scale 'small': give a number of Elo above 0"),
        ("openings = 4\n", "openings = 4\nleast_opponents = 3\n", "least_opponents = 3 of scale 'small', which rates by a ladder"),
        ("openings = 4\n", "openings = 4\nhalf_width = 9\nleast_opponents = 0.5\n", "least_opponents = 0.5 of scale 'small': give a whole"),
        ("openings = 4\n", "openings = 4\nfrontier_half_width = 9\n", "frontier_half_width = 9 of scale 'small', which rates by a ladder"),
        ("flops = 1e9", "flops = 1e9\nfrontier = ['4x1']", "frontier net '4x1' of a board of scale 'small' is not one of its nets: 2x1"),
        ("flops = 1e9", "flops = 1e9\npresets = { best = 1_000 }", "unknown preset 'best': choose default or paper"),
        ("[small]", "[small", "is not TOML"),
        ('"a test"', "7", "about = 7 of scale 'small': give a sentence"),
        ("[0, 7]", "0", r"seeds = 0 of scale 'small': give whole numbers from 0 up, such as \[0, 1\]"),
        ("[0, 7]", "[-1]", r"seeds = \[-1\] of scale 'small': give whole numbers from 0 up"),
        ("[0, 7]", "[]", r"seeds = \[\] of scale 'small'"),
        ("[1, 2]", "[1, 2.5]", r"test_simulations = \[1, 2\.5\] of scale 'small': give whole numbers from 1 up"),
        ("openings = 4\n", "openings = true\n", "openings = True of scale 'small': give a whole number from 1 up"),
        ("openings = 4\n", "openings = 4\nby_width = { 64 = 1e-4 }\n", r"by_width = \{'64': 0\.0001\} of .*: give a table by width"),
        ("settings = { groups", "settings = 3\nother = { groups", "'other' is unknown"),
        ("{ snapshots = 3 }", "[3]", r"settings = \[3\] of a board of scale 'small': give a table of training settings"),
        ("groups = 1", "samples = 1", "unknown training setting 'samples'"),
        ("[[small.boards]]", "[small.boards]", r"boards = \{'size': 3, .*\.\.\. of scale 'small': give tables, each under \[\[SCALE"),
        ("size = 3", "size = '3'", "size = '3' of a board of scale 'small': give a whole number, such as 5"),
        ("size = 3", "size = 30", "size=30: give a number from 2 to 19"),
        ('["2x1", "64x2"]', '"2x1"', r"nets = '2x1' of a board of scale 'small': give networks, such as \['4x1', '16x2'\]"),
        ("flops = 1e9", "flops = nan", "flops = nan of a board of scale 'small': give a number above 0, such as 1e12"),
        ("flops = 1e9", "flops = 1e9\npresets = { default = 'all' }", r"presets = \{'default': 'all'\} of .*: give a table of self"),
    ],
)
def test_a_malformed_experiment_names_what_is_wrong(tmp_path, old, new, message):
    path = tmp_path / "experiment.toml"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        grids.read_grid("small", path)


def test_an_unknown_scale_names_the_known_ones(small):
    with pytest.raises(ConfigError, match="unknown scale 'huge': choose one of tiny, laptop"):
        grids.read_grid("huge")
    with pytest.raises(ConfigError, match=r"unknown scale 'huge', which .*experiment\.toml does not declare: choose one of small$"):
        grids.read_grid("huge", small)
    small.write_text("")
    with pytest.raises(ConfigError, match=r"experiment\.toml does not declare: write one, it declares none$"):
        grids.read_grid("huge", small)


def test_what_is_no_experiment_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"^nowhere\.toml does not exist: name an experiment file"):
        grids.read_grid("small", "nowhere.toml")
    with pytest.raises(ConfigError, match=r" cannot be read \(.*\): name an experiment file"):
        grids.read_grid("small", tmp_path)
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG")
    with pytest.raises(ConfigError, match=r"picture\.toml is not text \(.* at byte 0\): name an experiment file"):
        grids.read_grid("small", tmp_path / "picture.toml")
    (tmp_path / "number.toml").write_text("small = 3")
    with pytest.raises(ConfigError, match=r"^scale 'small' is 3: give a table with about, boards, bootstrap, "):
        grids.read_grid("small", tmp_path / "number.toml")


def test_on_each_board_of_the_laptop_scale_search_binds_the_small_nets_and_arithmetic_the_widest():
    grid = grids.read_grid("laptop")
    for size in (3, 4, 5):
        cells = [cell for cell in grid.cells if cell.size == size and run_key(cell) not in grid.presets]
        widest = max(cell.width for cell in cells)
        full = max(cell.samples for cell in cells)
        assert {cell.width for cell in cells if cell.samples < full} == {widest}
        assert all(cell.samples > 0.8 * full for cell in cells), "strength is not given up for it"


def test_the_laptop_scale_stays_within_its_budget():
    grid = grids.read_grid("laptop")
    assert grid.simulations <= 1.2e9
    assert {cell.size for cell in grid.cells} == {3, 4, 5}
