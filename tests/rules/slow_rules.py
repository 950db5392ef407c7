"""Hex in plain Python, slow and obvious: the oracle beside the fast rules. A position is a string of ``.``, ``B`` and ``W``."""


def neighbors(cell, size):
    row, column = divmod(cell, size)
    around = [(row - 1, column), (row - 1, column + 1), (row, column - 1), (row, column + 1), (row + 1, column - 1), (row + 1, column)]
    return [r * size + c for r, c in around if 0 <= r < size and 0 <= c < size]


def joins(stones, color, size):
    """Tell whether `color` ("B" top to bottom, "W" left to right) has joined its edges: flood fill from the first one."""
    along = (lambda cell: cell // size) if color == "B" else (lambda cell: cell % size)
    reached = {cell for cell in range(size * size) if stones[cell] == color and along(cell) == 0}
    border = list(reached)
    while border:
        cell = border.pop()
        for near in neighbors(cell, size):
            if stones[near] == color and near not in reached:
                reached.add(near)
                border.append(near)
    return any(along(cell) == size - 1 for cell in reached)


def winner(stones, size):
    """Return "B", "W" or "" while the game goes on."""
    return "B" if joins(stones, "B", size) else "W" if joins(stones, "W", size) else ""


def play(order, size):
    """Play cells in order, Black first, until a side wins; return the winner and the number of moves."""
    stones = ["."] * (size * size)
    for ply, cell in enumerate(order):
        stones[cell] = "BW"[ply % 2]
        if joins(stones, "BW"[ply % 2], size):
            return "BW"[ply % 2], ply + 1
    return "", len(order)
