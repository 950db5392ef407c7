"""Two players meet: the games and the score of ``hexlab match``."""

import contextlib
from pathlib import Path

from hexlab import arena
from hexlab.app.agents import find_agent
from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.rules import sgf
from hexlab.rules.board import Color
from hexlab.system import check_writable, make_folder, write_whole

__all__ = ["play"]


def play(
    first: str,
    second: str,
    size: int | None,
    games: int,
    *,
    simulations: int,
    seconds: float,
    seed: int,
    swap: bool = False,
    out: Path | None = None,
) -> None:
    """Play a match and print each game as it ends, then the score.

    Args:
        first: a player; see `hexlab.app.agents`.
        second: the other one.
        size: board size, or None for the usual one of the player that has the fewest.
        games: how many, an even number; fewer are played where a board has no more openings.
        simulations: evaluations for a move of a player that does not say its own.
        seconds: time that a program or a player's file may take for a move.
        seed: of openings and draws.
        swap: whether to play by the swap rule.
        out: file for the games, in SGF; its folder is made if need be.

    Raises:
        ConfigError: a size that a player does not play or that has no openings, a program that does not start, or a folder for the games.
        RunError: no such player.
    """
    agents = [find_agent(words, simulations, seconds) for words in (first, second)]
    size = min(agents, key=lambda agent: len(agent.sizes)).usual_size if size is None else size
    openings = arena.openings(size, games // 2, seed, moves=1 if swap else 2)
    if not openings:
        raise ConfigError(f"a board of size {size} has no opening to play from: give a larger one")
    if out is not None:
        if out.is_dir():
            raise ConfigError(f"{out} is a folder: name a file for the games")
        check_writable(out.parent)
    with contextlib.ExitStack() as stack:
        players = [stack.enter_context(agent.open(size)) for agent in agents]
        if players[0].name == players[1].name:
            players[1].name += " (2)"
        records, won = [], []
        for number, game in enumerate(arena.play_games(arena.Match(players[0], players[1], openings), seed, swap)):
            black, white = players if number % 2 == 0 else players[::-1]
            won.append((game.winner is Color.BLACK) == (black is players[0]))
            records.append(_record(game, size, black.name, white.name, f"opening {openings[number // 2]}"))
            print(_describe(number + 1, game, black.name, white.name), flush=True)
            if out is not None:
                make_folder(out.parent)  # not before a game was played: programs start with their first move, or refuse the board
                write_whole(out, "".join(sgf.write(record) for record in records))
    pairs = [sum(won[place : place + 2]) for place in range(0, len(won), 2)]
    share, low, high = _score(players[0], players[1], pairs.count(2), pairs.count(1), pairs.count(0))
    print(f"{players[0].name} won {sum(won)} of {len(won)} games: {share:.0%}, 95 % interval {low:.0%} to {high:.0%}")


def _score(first: Player, second: Player, won_both: int, won_one: int, lost_both: int) -> tuple[float, float, float]:
    """Share of the games that the first player won, and its 95 % interval."""
    if isinstance(second, arena.SolverPlayer):
        return arena.perfect_score_interval(won_one, lost_both)
    if isinstance(first, arena.SolverPlayer):
        share, low, high = arena.perfect_score_interval(won_one, won_both)
        return 1 - share, 1 - high, 1 - low
    return arena.score_interval(won_both, won_one, lost_both)


def _describe(number: int, game: arena.Game, black: str, white: str) -> str:
    winner, loser = (black, white) if game.winner is Color.BLACK else (white, black)
    forfeit = game.forfeit.replace("\n", "\n    ")
    how = f", which {forfeit}" if forfeit else " by resignation" if game.resigned else ""
    return f"{number:3} {' '.join(game.board.moves)}: {winner} ({game.winner}) beats {loser}{how}"


def _record(game: arena.Game, size: int, black: str, white: str, comment: str) -> sgf.Game:
    forfeit = f"; {game.winner.other} {game.forfeit}" if game.forfeit else ""
    return sgf.Game(size, game.board.moves, black, white, game.winner, comment + forfeit, forfeited=bool(game.forfeit))
