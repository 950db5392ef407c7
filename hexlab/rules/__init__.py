"""The rules of Hex: cells, boards, batches of boards, pictures, game records and an exact solver."""

from hexlab.rules.batch import Boards
from hexlab.rules.board import SWAP_PIECES, Board, Color, LegalMoves, Outcome
from hexlab.rules.cells import MAX_SIZE, cell_index, cell_name

__all__ = ["MAX_SIZE", "SWAP_PIECES", "Board", "Boards", "Color", "LegalMoves", "Outcome", "cell_index", "cell_name"]
