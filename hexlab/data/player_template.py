"""My Hex player. Try it: hexlab check-player my_player.py."""

import random

import hexlab


def choose_move(board: hexlab.Board, generator: random.Random, seconds: float) -> str | int:
    """Return the move to play: the name of a cell such as "c3", or its number, row * board.size + column.

    Arguments:
        board: the position, a copy of your own.
            board.size, board.turn (hexlab.Color.BLACK joins top and bottom, WHITE joins left and right),
            board.legal_moves, board.moves (so far), board["c3"] (a color or None), board.stones (an array), board.winner,
            board.push("c3") to try a move, board.pop() to take it back, print(board) to look at it.
        generator: draw from this alone, so that a game can be repeated: generator.choice(...), generator.random(), ...
        seconds: time for this move; who takes longer loses the game.
    """
    for move in board.legal_moves:
        board.push(move)
        wins = board.winner is not None
        board.pop()
        if wins:
            return move
    return generator.choice(board.legal_moves)
