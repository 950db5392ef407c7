import hashlib
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules import Board, render

SVG = "{http://www.w3.org/2000/svg}"


def shapes(svg, kind):
    return ET.fromstring(svg).findall(f".//{SVG}{kind}")


def test_text_is_slanted_with_the_last_move_in_brackets():
    assert str(Board.from_moves("c1 a1 b2", size=3)).splitlines() == [
        " a b c",
        "1 W . B 1",
        " 2 .[B]. 2",
        "  3 . . . 3",
        "     a b c",
        "Black (B) joins top and bottom, White (W) left and right. White to move.",
    ]


def test_text_of_a_finished_game_names_winner_and_path():
    assert str(Board.from_moves("b1 a1 a2", size=2)).endswith("Black has won: b1 a2.")


def test_rows_stay_in_line_on_boards_with_two_digits():
    lines = str(Board(11)).splitlines()[1:12]
    assert [line.index(".") for line in lines] == list(range(3, 14))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 11, 13, 19])
def test_svg_is_well_formed_and_shows_every_cell_stone_and_name(size):
    board = Board(size)
    for cell in range(0, size * size, 2):
        if board.winner is None:
            board.push(cell)
    svg = board._repr_svg_()
    assert len(shapes(svg, "polygon")) == size * size
    radii = [circle.get("r") for circle in shapes(svg, "circle")]
    assert radii.count("13.6") == np.count_nonzero(board.stones)
    assert radii.count("4.8") == 1
    texts = [text.text for text in shapes(svg, "text")]
    assert (texts.count("Black"), texts.count("White")) == (2, 2)
    last = chr(ord("a") + size - 1)
    assert texts.count(last) == texts.count(str(size)) == 2
    root = ET.fromstring(svg)
    left, top, width, height = map(float, root.get("viewBox").split())
    assert 0 < float(root.get("width")) <= 760
    for polygon in shapes(svg, "polygon"):
        for point in polygon.get("points").split():
            x, y = map(float, point.split(","))
            assert left < x < left + width
            assert top < y < top + height


def test_svg_hexagons_share_their_corners_with_their_neighbors():
    corners = {}
    for cell, polygon in enumerate(shapes(render.to_svg(Board(4)), "polygon")):
        for point in polygon.get("points").split():
            x, y = map(float, point.split(","))
            corners.setdefault((round(x), round(y)), set()).add(cell)
    assert max(len(cells) for cells in corners.values()) == 3
    # Inner corners: one for each triangle of mutual neighbors, 2 (n - 1)^2 of them.
    assert sum(len(cells) == 3 for cells in corners.values()) == 2 * 3**2


def test_the_winning_path_runs_through_the_centers_of_its_cells():
    board = Board.from_moves("b1 a1 a2", size=2)
    ways = [line for line in shapes(render.to_svg(board), "polyline") if line.get("stroke") == "#d55e00"]
    assert [way.get("points") for way in ways] == ["34.64,0 17.32,30"]
    assert not [line for line in shapes(render.to_svg(board, mark_path=False), "polyline") if line.get("stroke") == "#d55e00"]


def test_owners_of_edges_can_be_told_without_color():
    dashed = [line for line in shapes(render.to_svg(Board(5)), "polyline") if line.get("stroke-dasharray")]
    assert len(dashed) == 2


def test_labels_and_heat_are_written_on_cells():
    heat = np.full(9, np.nan)
    heat[[1, 4, 8]] = [0.25, -0.5, 0.0]
    svg = render.to_svg(Board.from_moves("a1", 3), labels={"a1": "1", 2: "<&>"}, heat=heat)
    texts = [text.text for text in shapes(svg, "text")]
    assert [texts.count(text) for text in (".25", "−.50", "0", "<&>", "nan")] == [1, 1, 1, 1, 0]
    fills = [polygon.get("fill") for polygon in shapes(svg, "polygon")]
    assert fills[4] == "#56b4e9"
    assert fills[0] == fills[8] == "#f4efe6"
    assert len(set(fills)) == 3
    assert "4.8" not in [circle.get("r") for circle in shapes(svg, "circle")]


def test_pictures_are_self_contained():
    svg = Board.from_moves("b2 a1", 3)._repr_svg_()
    assert svg.count("http") == 1
    assert "href" not in svg
    assert " id=" not in svg


def test_pictures_have_the_same_bytes_in_every_process():
    expression = "render.to_svg(Board.from_moves('c3 b4 a1', 5), heat=[i / 25 for i in range(25)])"
    digest = f"hashlib.sha256({expression}.encode()).hexdigest()"
    script = f"import hashlib; from hexlab.rules import Board, render; print({digest})"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, encoding="utf-8").stdout
    assert other.strip() == eval(digest, {"hashlib": hashlib, "Board": Board, "render": render})


def test_labels_and_heat_that_fit_no_board_are_refused():
    with pytest.raises(PositionError, match="8 numbers of heat: a 3x3 board needs 9"):
        render.to_svg(Board(3), heat=np.zeros(8))
    with pytest.raises(PositionError, match="heat 'hot' is not numbers"):
        render.to_svg(Board(3), heat="hot")
    with pytest.raises(IllegalMoveError, match="cell 'd4' is off the board"):
        render.to_svg(Board(3), labels={"d4": "?"})
