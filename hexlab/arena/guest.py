"""The process of a student's player: loads the file and asks it for moves, as told line by line.

`hexlab.arena.submissions` runs this file as a script. Requests come as lines of JSON on the standard input, and answers go out on the
standard output; both are put out of the way before the student's code runs, so that ``print`` and ``input`` cannot disturb the talk.
When the input closes, because the tournament is over or was killed, the process ends together with those it has started.

This is no sandbox: the student's code may do whatever its user may do.
"""

import contextlib
import ctypes
import difflib
import inspect
import json
import os
import queue
import random
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from hexlab.rules import Board, Color
from hexlab.system import end_tree, list_descendants

__all__ = ["Fault", "answer_requests", "find_player", "load_file"]

_ENTRY = "choose_move"
_CALL = f"{_ENTRY}(board, generator, seconds)"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans of this process come back to it


class Fault(Exception):
    """What a student's player did wrong: the first line follows its name, the others show where."""


def load_file(path: str) -> types.ModuleType:
    """Run a student's file as a module of its own.

    Raises:
        Fault: the file does not compile, or raises an exception.
    """
    with open(path, "rb") as file:
        source = file.read()
    if b"\0" in source:  # UTF-16, as some editors and shells on Windows write
        raise Fault("is not saved as UTF-8, as Python expects: save it anew in that encoding")
    module = types.ModuleType("submission")
    module.__file__ = path
    sys.modules["submission"] = module
    with _blaming(path):
        exec(compile(source, path, "exec"), module.__dict__)
    return module


def find_player(module: types.ModuleType) -> tuple[str, Callable[[], Callable]]:
    """Return what plays, in words, and a maker of `choose_move` for one game: the function itself, or the method of a new object.

    Raises:
        Fault: there is nothing that plays, or it takes other arguments.
    """
    function = vars(module).get(_ENTRY)
    if callable(function):
        _check_arguments(function, _ENTRY, 3, _CALL)
        return f"the function {_ENTRY}", lambda: function
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    able = [kind for kind in own if callable(getattr(kind, _ENTRY, None))]
    able = [kind for kind in able if not any(kind in other.__mro__[1:] for other in able)]  # a base class gives way to what is made of it
    if len(able) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in able))
        raise Fault(f"has several classes with a method {_ENTRY}, {names}: keep one of them")
    if not able:
        raise Fault(f"has neither a function {_CALL} nor a class with such a method{_guess_name(module, own)}")
    kind = able[0]
    _check_arguments(kind, kind.__name__, 0, f"{kind.__name__}()")
    plain = not isinstance(inspect.getattr_static(kind, _ENTRY), (staticmethod, classmethod))
    _check_arguments(getattr(kind, _ENTRY), f"{kind.__name__}.{_ENTRY}", 3 + plain, _CALL)
    return f"the class {kind.__name__}", lambda: getattr(kind(), _ENTRY)


def answer_requests(requests: Iterator[str], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer each request, a line of JSON, by one dictionary.

    ``{"path": ...}`` loads a file for a new game and is answered by ``{"found": ...}``. ``{"size": number, "swap": whether the rule holds,
    "start": null or the text of a position that was set up with 0 or 1 for its turn, "moves": names, "seed": number, "seconds": number}``
    is answered by ``{"move": name or number, "touched": whether the board that was handed over has been changed}``. Either may be answered
    by ``{"fault": text}``.
    """
    choose, path = None, ""
    for line in requests:
        request = json.loads(line)
        try:
            if "path" in request:
                path = request["path"]
                found, make = find_player(load_file(path))
                with _blaming(path):
                    choose = make()
                answer({"found": found})
            elif choose is not None:
                answer(_ask(choose, path, request))
        except Fault as fault:
            answer({"fault": str(fault)})


def _ask(choose: Callable, path: str, request: dict[str, Any]) -> dict[str, Any]:
    if request["start"] is None:
        board = Board.from_moves(request["moves"], request["size"], request["swap"])
    else:
        text, turn = request["start"]
        board = Board.from_text(text, Color(turn), request["moves"])
    handed = board.copy()
    with _blaming(path):
        move = _read_move(choose(handed, random.Random(request["seed"]), request["seconds"]))
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    return {"move": move, "touched": handed != board}


def _read_move(move: Any) -> str | int:
    if isinstance(move, str) and len(move) < 20:
        return str(move)
    if isinstance(move, (int, np.integer)) and not isinstance(move, bool) and -(10**9) < int(move) < 10**9:
        return int(move)
    hint = ""
    if move is None:
        hint = f" (does every path through {_ENTRY} end in a return?)"
    elif isinstance(move, (tuple, list)) and len(move) == 2:
        hint = " (the number of a cell is row * board.size + column, both from 0)"
    raise Fault(f"answered {_shorten(repr(move))}, which is no move: return the name of a cell, such as 'c3', or its number{hint}")


@contextlib.contextmanager
def _blaming(path: str) -> Iterator[None]:
    """Turn whatever a student's code raises into a `Fault` with the lines of the file that led there."""
    try:
        yield
    except Fault:
        raise
    except SyntaxError as error:
        if error.filename != path:
            raise Fault(_tell_exception(error, path)) from None
        text = _shorten((error.text or "").strip(), 200)
        raise Fault(f"is not Python: {error.msg} in line {error.lineno}" + (f"\n    {text}" if text else "")) from None
    except SystemExit:
        raise Fault("left by exit(): return a move instead") from None
    except EOFError as error:
        raise Fault(f"{_tell_exception(error, path)}\n(a player has nobody to ask by input())") from None
    except BaseException as error:
        raise Fault(_tell_exception(error, path)) from None


def _tell_exception(error: BaseException, path: str) -> str:
    said = _shorten(" ".join(str(error).split()), 300)
    lines = [f"raised {type(error).__name__}" + (f": {said}" if said else "")]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if len(frames) > 8:
        frames = [*frames[:4], *frames[-4:]]  # deep recursion
    for frame in frames:
        lines.append(f"  {os.path.basename(path)}, line {frame.lineno}, in {frame.name}\n    {_shorten(frame.line or '', 200)}")
    return "\n".join(lines)


def _check_arguments(function: Callable, name: str, count: int, called: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # a built-in function that does not tell
        return
    try:
        signature.bind(*[None] * count)
    except TypeError:
        raise Fault(f"defines {name}{signature}, but it is called as {called}") from None


def _guess_name(module: types.ModuleType, own: list[type]) -> str:
    functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
    methods = [name for kind in own for name, value in vars(kind).items() if inspect.isfunction(value)]
    near = difflib.get_close_matches(_ENTRY, functions + methods, n=1)
    return f": is {near[0]} meant to be it?" if near else ""


def _shorten(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _leave() -> NoReturn:
    """End this process and those it has started."""
    if sys.platform == "win32":
        end_tree(os.getpid())
    else:
        for child in list_descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _main() -> None:
    incoming, outgoing = os.fdopen(os.dup(0), "r", encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.dont_write_bytecode = True
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()

    def receive() -> None:
        for line in incoming:
            requests.put(line)
        _leave()

    def answer(message: dict[str, Any]) -> None:
        outgoing.write(json.dumps(message) + "\n")
        outgoing.flush()

    Board.from_moves("a1 b1", size=2)  # the rules' kernels are loaded, on nobody's clock
    threading.Thread(target=receive, daemon=True).start()
    answer({"process": os.getpid()})  # on Windows a virtual environment's python is not the process that was started, but its child
    answer_requests(iter(requests.get, None), answer)


if __name__ == "__main__":
    _main()
