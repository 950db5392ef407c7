"""Random games for the tests of records and links."""

from hypothesis import strategies as st

from hexlab.errors import PositionError
from hexlab.rules import SWAP_PIECES, Board, Color, sgf

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@st.composite
def games(draw):
    """Return a game, perhaps with a swap, from the empty board or from a random position."""
    size = draw(st.integers(1, 7))
    cells = draw(st.permutations(range(size * size)))[: draw(st.integers(0, 30))]
    board, start = Board(size, swap=draw(st.booleans())), None
    if draw(st.integers(0, 3)) == 0:
        turn = draw(st.sampled_from(Color))
        stones = [0] * size**2
        for cell in cells[::2]:
            stones[cell] = draw(st.integers(1, 2))
        board, cells = set_up(stones, turn), cells[1::2]
        start = board.copy()
    for cell in cells:
        if board.can_swap and draw(st.booleans()):
            board.push(SWAP_PIECES)
        if board.winner is None and board[cell] is None:
            board.push(cell)
    winner = board.winner if board.winner is not None else draw(st.sampled_from([None, *Color]))
    forfeited = winner is not None and board.winner is None and draw(st.booleans())
    return sgf.Game(size, board.moves, draw(TEXT), draw(TEXT), winner, draw(TEXT), start, forfeited)


def set_up(stones, turn):
    try:
        return Board.from_stones(stones, turn)
    except PositionError:  # that side has won already
        return Board.from_stones(stones, turn.other)
