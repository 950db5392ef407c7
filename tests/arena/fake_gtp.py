"""A Hex program that speaks GTP well or badly: ``python fake_gtp.py MODE``. In good moods it plays the first free cell."""

import subprocess
import sys
import time


def main(mode):
    size, stones, log = 11, {}, []
    if mode == "dies at once":
        sys.exit("cannot find my weights")
    if mode == "greets":
        answer("Welcome to Hex 2000")
    if mode == "floods stderr":
        subprocess.Popen([sys.executable, "-c", "while True: print('warning ' * 100)"], stdout=sys.stderr)
    if mode.startswith("has children:"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open(mode.partition(":")[2], "w") as file:
            file.write(str(child.pid))
    for line in sys.stdin:
        words = line.split()
        log.append(" ".join(words))
        command = words[0] if words else ""
        if command == "quit":
            if mode == "does not quit":
                time.sleep(600)
            answer("= ")
            break
        if command == "boardsize":
            if mode == "plays 11x11" and words[1] != "11":
                answer("? unacceptable size")
                continue
            size = int(words[1])
        if command == "clear_board":
            stones = {}
        if command == "play":
            if mode == "refuses stones":
                answer("? illegal move")
                continue
            stones[words[2]] = words[1]
        if command == "tell_log":
            answer("= " + "; ".join(log))
            continue
        if command == "param_game":
            answer("? unknown command")
            continue
        if command != "genmove":
            answer("= fake\n2nd line" if command == "name" else "=")
            continue
        free = [f"{chr(97 + column)}{row + 1}" for row in range(size) for column in range(size)]
        move = next(cell for cell in free if cell not in stones)
        if mode == "crashes":
            sys.exit("Traceback: out of cheese")
        if mode == "hangs":
            time.sleep(600)
        if mode == "answers forever":
            print("= ", end="")
            while True:
                print("and another thing", flush=True)
        if mode == "babbles":
            while True:
                print("thinking about thinking " * 1000, end="")
        special = {
            "plays on a stone": next(iter(stones), "a1"),
            "plays off the board": "z99",
            "says nonsense": "banana split",
            "says nothing": "",
            "resigns": "resign",
            "swaps": "swap-pieces",
            "swaps sides": "swap-sides",
        }
        if mode == "draws":
            for winrate in (0.4, 0.5):
                answer(f"gogui-gfx: kata info move {move} visits 1 winrate {winrate} scoreLead 0 order 0\nVAR b {move}")
        if mode == "refuses to move":
            answer("? not now")
        elif mode == "forgets the sign":
            answer(move)
        elif mode in special and (not mode.startswith("swaps") or len(stones) == 1):
            answer(f"= {special[mode]}")
        else:
            stones[move] = words[1]
            answer(f"= {move.upper()}\r")


def answer(text):
    print(text + "\n", flush=True)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
