"""The rules of Hex: cells, boards, batches of boards, pictures, game records and an exact solver."""

from hexlab.rules.batch import Boards
from hexlab.rules.cells import cell_index, cell_name

__all__ = ["Boards", "cell_index", "cell_name"]
