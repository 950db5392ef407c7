"""Figures show what the tables hold, come out the same every time, and drift is found."""

import dataclasses
import json
import re
import xml.etree.ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from planted_tables import small, small_analysis, tiny, tiny_with_preset, uneven

from hexlab.errors import RunError, StoreError
from hexlab.scaling import (
    analyze,
    check_figures,
    compute_frontier,
    fit_law,
    paper_frontier,
    plot_frontier,
    plot_prediction,
    plot_training_curves,
    predict_board,
    redraw_figures,
    write_figures,
)
from hexlab.scaling.figures import FIGURES, calibration, compute_numbers, draw_figure, render_numbers, render_svg
from hexlab.scaling.figures.style import label_curve
from hexlab.scaling.paper_tables import PAPER_TABLES


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("committed")
    tiny()[0].to_csv(folder / "tables")
    write_figures(tiny()[0], folder / "figures", bootstrap=10, seed=0)
    return folder


@pytest.fixture
def copied(committed, tmp_path):
    for path in committed.rglob("*.*"):
        target = tmp_path / path.relative_to(committed)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path


def test_numbers_equal_the_tables():
    tables, analysis = small()[0], small_analysis()
    numbers = compute_numbers(analysis)
    frontier = compute_frontier(tables)
    for board in numbers["training_curves"]["boards"]:
        assert board["elo"] == frontier.board(board["size"]).elo.tolist()
        for run in board["runs"]:
            rated = {
                np.log10(tables.snapshot_by_key[agent.run, agent.snapshot].train_flops): tables.rating_by_agent[agent.agent].elo
                for agent in tables.agents
                if agent.run == run["run"] and agent.snapshot > 0 and agent.test_simulations == 64
            }
            assert dict(zip(run["log10_flops"], run["elo"], strict=True)) == rated
    for board in numbers["calibration"]["boards"]:
        for agent, elo, score in zip(board["agents"], board["elo"], board["score"], strict=True):
            assert (elo, score) == (tables.rating_by_agent[agent].elo, tables.rating_by_agent[agent].perfect_score)
    law = numbers["frontiers"]["laws"]["change_point"]
    assert law["parameters"] == dict(analysis.laws["change_point"].parameters)


def test_axes_of_elo_name_the_zero_of_the_frontier_that_they_show():
    ours, papers = "Elo (0 is perfect play)", "Elo (0 is the best of its pool)"
    shown = compute_frontier(small()[0])
    for frontier, label in ((shown, ours), (paper_frontier(), papers)):
        axes = plot_prediction(frontier, predict_board(frontier, frontier.sizes[-1])).axes[0]
        assert axes.get_ylabel() == label
    assert [axes.get_ylabel() for axes in plot_training_curves(shown).axes] == [ours, papers]
    assert [axes.get_ylabel() for axes in plot_frontier(shown).axes[:2]] == [ours, papers]


def test_figures_are_drawn_from_their_numbers_alone_and_twice_alike():
    numbers = compute_numbers(small_analysis())
    assert [name for name, each in numbers.items() if isinstance(each, str)] == []
    for name in ("prediction", "calibration", "tradeoff"):
        each = numbers[name]
        svg = render_svg(draw_figure(name, json.loads(json.dumps(each, allow_nan=False))), name)
        assert svg == render_svg(draw_figure(name, each), name)
        assert b"<dc:date>" not in svg
        assert xml.etree.ElementTree.fromstring(svg).tag.endswith("svg")


def test_plots_return_figures_to_save(tmp_path):
    frontier = compute_frontier(tiny()[0])
    plot_training_curves(frontier).savefig(tmp_path / "curves.png")
    plot_frontier(frontier, fit_law(frontier)).savefig(tmp_path / "frontier.svg")
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_runs_of_presets_are_lines_of_their_own_under_their_names():
    numbers = compute_numbers(analyze(tiny_with_preset(), bootstrap=0))["training_curves"]
    (board,) = numbers["boards"]
    assert [(run["preset"], run["width"]) for run in board["presets"]] == [("paper", 16)]
    assert [run["width"] for run in board["runs"]] == [2]
    figure = draw_figure("training_curves", numbers)
    assert "preset 'paper', its snapshots" in [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    wanted = np.column_stack([10 ** np.array(board["presets"][0]["log10_flops"]), board["presets"][0]["elo"]])
    assert any(np.array_equal(line.get_xydata(), wanted) for line in figure.axes[0].lines)


def test_what_there_is_no_data_for_is_not_drawn(committed):
    names = {path.stem for path in (committed / "figures").glob("*.json")}
    missing = {
        "prediction": "a board and two smaller ones",
        "prediction_error": "three boards",
        "training_time": "timings.csv",
        "wall_clock": "timings.csv",
        "game": "games.sgf",
    }
    assert names == set(FIGURES) - set(missing)
    reasons = compute_numbers(analyze(tiny()[0], bootstrap=0))
    for name, needed in missing.items():
        assert reasons[name].startswith("not enough data: needs")
        assert needed in reasons[name]


def test_an_uneven_grid_of_two_boards_is_drawn():
    numbers = compute_numbers(analyze(uneven()[0], bootstrap=5))
    missing = {name for name, each in numbers.items() if isinstance(each, str)}
    assert missing == {"prediction", "prediction_error", "training_time", "wall_clock", "game"}
    for name in set(numbers) - missing:
        draw_figure(name, json.loads(json.dumps(numbers[name], allow_nan=False)))


@pytest.mark.parametrize("name", ["test_compute", "tradeoff"])
def test_panels_hold_the_boards_of_the_paper(name):
    numbers = compute_numbers(small_analysis())[name]
    for count in range(1, 8):
        boards = [dict(numbers["boards"][0], size=size) for size in range(3, 3 + count)]
        panels = [axes for axes in draw_figure(name, numbers | {"boards": boards}).axes if axes.get_title(loc="left")]
        assert sorted(axes.get_title(loc="left").strip() for axes in panels) == [f"{size}×{size}" for size in range(3, 3 + count)]


def test_unchanged_figures_do_not_drift(committed):
    assert check_figures(committed / "tables", committed / "figures") == []


def test_drift_is_found(copied):
    tables, figures = copied / "tables", copied / "figures"
    data = figures / "calibration.json"
    record = json.loads(data.read_text())
    record["numbers"]["boards"][0]["elo"][2] *= 1 + 1e-4
    data.write_text(json.dumps(record))
    (figures / "elo_scale.svg").unlink()
    drawing = figures / "frontiers.svg"
    drawing.write_bytes(drawing.read_bytes().replace(b"stroke-width", b"stroke-Width", 1))
    (figures / "tradeoff.json").unlink()
    (figures / "network_size.json").write_text("{}")
    drifts = check_figures(tables, figures)
    assert any("calibration: boards[0].elo[2]" in drift for drift in drifts)
    assert "elo_scale: elo_scale.svg is missing" in drifts
    assert any(drift.startswith("frontiers: frontiers.svg is not the drawing") for drift in drifts)
    assert "tradeoff: the tables allow it, but it is not committed" in drifts
    assert any(drift.startswith("network_size.json: not the numbers of a figure") for drift in drifts)


def test_a_changed_table_drifts(copied):
    for path in (copied / "figures").iterdir():
        if path.stem not in ("calibration", "elo_scale"):
            path.unlink()
    ratings = copied / "tables" / "ratings.csv"
    lines = ratings.read_text().splitlines()
    cells = lines[5].split(",")
    cells[2] = repr(float(cells[2]) + 5)
    lines[5] = ",".join(cells)
    ratings.write_text("\n".join(lines) + "\n")
    drifts = check_figures(copied / "tables", copied / "figures")
    assert any(drift.startswith("calibration: boards[0].") for drift in drifts)


def test_figures_are_drawn_again_from_the_numbers_beside_them(committed, copied):
    """As after an update of matplotlib: the drawings are new, the numbers are the same, and nothing has drifted."""
    figures = copied / "figures"
    (figures / "elo_scale.svg").unlink()
    (figures / "frontiers.svg").write_text("drawn by another version")
    data = figures / "frontiers.json"
    data.write_text(json.dumps(json.loads(data.read_text()) | {"matplotlib": "1.0", "svg_sha256": "0" * 64}))
    paths = redraw_figures(figures)
    assert paths[-1].name == "README.md"
    assert {path.stem for path in paths[:-1]} == {path.stem for path in (committed / "figures").glob("*.json")}
    for path in paths:
        assert path.read_bytes() == (committed / "figures" / path.name).read_bytes()


@pytest.mark.parametrize(
    "numbers", ["{}", '{"figure": "tradeoff"', '{"bootstrap": 1, "seed": 0, "matplotlib": "", "svg_sha256": "", "numbers": {"boards": 3}}']
)
def test_nothing_is_drawn_again_where_numbers_are_damaged(copied, numbers):
    (copied / "figures" / "tradeoff.json").write_text(numbers)
    before = {path: path.read_bytes() for path in (copied / "figures").iterdir()}
    with pytest.raises(StoreError, match=r"tradeoff\.json: not the numbers of"):
        redraw_figures(copied / "figures")
    assert {path: path.read_bytes() for path in (copied / "figures").iterdir()} == before


def test_a_folder_without_figures_is_refused(committed, tmp_path):
    with pytest.raises(StoreError, match="no figures in"):
        check_figures(committed / "tables", tmp_path)
    with pytest.raises(StoreError, match="no figures in"):
        redraw_figures(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="unknown figure 'pie'"):
        draw_figure("pie", {})


def test_figures_that_lost_their_data_are_removed(tmp_path):
    (tmp_path / "prediction.svg").write_text("old")
    (tmp_path / "maxima.md").write_text("old")
    nothing = dataclasses.replace(tiny()[0], runs=(), snapshots=(), agents=(), pairings=(), ratings=())
    said: list[str] = []
    paths = write_figures(nothing, tmp_path, bootstrap=0, say=said.append)
    left_out = {line.split(": ")[1]: line for line in said}
    assert set(left_out) == (set(FIGURES) - {"elo_scale"}) | set(PAPER_TABLES)
    assert all(line.startswith(f"not drawn: {name}: not enough data: ") for name, line in left_out.items())
    assert {name for name, line in left_out.items() if "removed" in line} == {"prediction", "maxima"}
    assert left_out["prediction"].endswith("; removed prediction.svg")
    assert [path.name for path in paths] == ["elo_scale.svg", "elo_scale.json", "README.md"]
    assert not (tmp_path / "prediction.svg").exists()
    assert re.findall(r"\]\((\w+)\.svg\)", (tmp_path / "README.md").read_text(encoding="utf-8")) == ["elo_scale"]


def test_a_figure_that_cannot_be_drawn_leaves_the_folder_as_it_was(copied, monkeypatch):
    before = {path: path.read_bytes() for path in (copied / "figures").iterdir()}
    (last,) = [*FIGURES][-2:-1]

    def fail(numbers):
        raise ZeroDivisionError

    monkeypatch.setitem(FIGURES, last, FIGURES[last]._replace(draw=fail))
    render_numbers.__globals__["_render_text"].cache_clear()
    with pytest.raises(ZeroDivisionError):
        write_figures(uneven()[0], copied / "figures", bootstrap=0)
    assert {path: path.read_bytes() for path in (copied / "figures").iterdir()} == before


def test_figures_go_into_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="file is a file: name a folder"):
        write_figures(tiny()[0], tmp_path / "file")
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match="was not written by `hexlab figures`"):
        write_figures(tiny()[0], tmp_path)


def test_a_page_shows_the_figures_of_the_paper_in_its_order_then_the_others_then_its_tables(committed):
    folder = committed / "figures"
    page = (folder / "README.md").read_text(encoding="utf-8")
    names = re.findall(r"\]\((\w+)\.svg\)", page)
    assert set(names) == {path.stem for path in folder.glob("*.svg")}
    redone = [FIGURES[name].figure for name in names if FIGURES[name].figure]
    assert redone == sorted(redone)
    assert [FIGURES[name].figure for name in names[: len(redone)]] == redone
    assert all(f"{FIGURES[name].title}\n\n![" in page and FIGURES[name].caption in page for name in names)
    tables = re.findall(r"\]\((\w+)\.md\)", page)
    assert set(tables) == {path.stem for path in folder.glob("*.md")} - {"README"}
    assert page.index(f"]({tables[0]}.md)") > page.index(f"]({names[-1]}.svg)")
    assert all((folder / target).is_file() for target in re.findall(r"\]\(([^)]+)\)", page))


def test_a_page_that_drifts_is_found_and_made_again_without_what_is_gone(committed, copied):
    figures = copied / "figures"
    page = figures / "README.md"
    page.write_text(page.read_text(encoding="utf-8").replace("Elo", "ELO", 1), encoding="utf-8")
    assert check_figures(copied / "tables", figures) == ["README.md: not the page of the figures and tables beside it"]
    page.unlink()
    assert check_figures(copied / "tables", figures) == ["README.md: the page that shows the figures is missing"]
    redraw_figures(figures)
    assert page.read_bytes() == (committed / "figures" / "README.md").read_bytes()
    for name in ("game_of_others.md", "calibration.json", "maxima.md"):
        (figures / name).unlink(missing_ok=True)
    redraw_figures(figures)
    assert not re.search(r"calibration|maxima", page.read_text(encoding="utf-8"))


def test_a_page_of_another_hand_is_not_overwritten(copied, tmp_path):
    page = copied / "figures" / "README.md"
    page.write_text("# My notes\n")
    before = {path: path.read_bytes() for path in page.parent.iterdir()}
    for write in (lambda: redraw_figures(page.parent), lambda: write_figures(tiny()[0], page.parent, bootstrap=0)):
        with pytest.raises(StoreError, match="not written by `hexlab figures`"):
            write()
    assert {path: path.read_bytes() for path in page.parent.iterdir()} == before


def test_the_name_of_a_board_keeps_off_the_axis():
    axes = Figure().add_subplot()
    log10_flops = np.linspace(6, 9, 40)
    label_curve(axes, log10_flops, [-200, *[-20] * 39], 3)
    label_curve(axes, log10_flops, np.linspace(-900, 0, 40), 5)
    flat, steep = axes.texts
    assert flat.get_horizontalalignment() == "center"
    assert 7 < np.log10(flat.xy[0]) < 8
    assert steep.get_horizontalalignment() == "right"


def test_agents_of_like_elo_and_one_score_are_one_faint_point():
    elo, score = np.array([-101.0, -99.0, -99.0, -300.0, 0.0]), np.array([0.25, 0.25, 0.5, 0.25, 0.5])
    bins = {(among, point) for among, points in calibration._gather_bins(elo, score) for point in map(tuple, points.T)}
    assert bins == {(2, (-100.0, 0.25)), (1, (-99.0, 0.5)), (1, (-300.0, 0.25)), (1, (0.0, 0.5))}
