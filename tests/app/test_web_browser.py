"""The page in a real browser, as people use it: by pointer, by keyboard, on a phone, in the dark.

Needs Chromium: the one that the environment variable HEXLAB_CHROMIUM names, or one on the path.
"""

import json
import os
import re
import shutil

import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")
pytest.importorskip("httpx", reason="the tests of the page need the dev extra")
pytest.importorskip("playwright.sync_api", reason="the tests in a browser need the dev extra")

from playwright import sync_api
from web_client import serve

from hexlab.app import lessons
from hexlab.app.web import learning
from hexlab.rules import Board, Color, solver

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("HEXLAB_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it, or name its program in HEXLAB_CHROMIUM")

# What the page is asked: functions, since its policy forbids to evaluate text.
COUNT_STONES = """count => [...document.querySelectorAll('#board [role=gridcell]')]
    .filter(cell => /, (Black|White)/.test(cell.ariaLabel)).length === count"""
STATUS_HAS = "words => document.getElementById('status').textContent.includes(words)"
LIES_FLAT = """() => {
    const box = document.querySelector('#board svg').getBoundingClientRect();
    return box.width > box.height;
}"""
LABELS = "cells => cells.map(cell => cell.ariaLabel)"


@pytest.fixture(scope="module")
def address(runs):
    with serve(runs) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A fresh page that has shown its first board; at the end nothing may have failed or come from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(60_000)  # the first search compiles
    failures = []
    page.on("console", lambda message: failures.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else failures.append(request.url))
    page.expected_failures = 0
    page.goto(address)
    page.wait_for_selector("#board [data-cell=c3]")
    yield page
    context.close()
    assert len(failures) == page.expected_failures, failures


def start(page, size=3, agent="rollouts", simulations=8, color="black", text=""):
    page.click("#new")
    page.select_option("[name=size]", str(size))
    page.select_option("[name=agent]", agent)
    page.select_option("[name=simulations]", str(simulations))
    page.select_option("[name=color]", color)
    page.fill("[name=start]", text)
    page.click("#setup-form [type=submit]")
    page.wait_for_selector("#setup", state="hidden")
    page.wait_for_function("count => document.querySelectorAll('#board [role=gridcell]').length === count", arg=size**2)


def stones(page):
    """Return the stones of the board as a screen reader hears them."""
    labels = page.eval_on_selector_all("#board [role=gridcell]", LABELS)
    return "".join("B" if ", Black" in label else "W" if ", White" in label else "." for label in labels)


def wait_for_turn(page, count):
    """Wait until there are `count` stones and nobody thinks."""
    page.wait_for_function(COUNT_STONES, arg=count)
    page.wait_for_function("() => !document.getElementById('status').textContent.includes('thinking')")


def cell(name):
    return f"#board [data-cell={name}]"


def test_a_whole_game_by_clicks(page):
    start(page, agent="perfect", simulations=1)
    for count in range(2, 9, 2):
        board = Board.from_text("/".join(stones(page)[row : row + 3] for row in (0, 3, 6)))
        page.click(cell(solver.solve(board).names[0]))
        page.wait_for_function(f"count => ({COUNT_STONES})(count) || ({STATUS_HAS})('win')", arg=count)
        if "win" in page.inner_text("#status"):
            break
    assert page.inner_text("#status") == "You win: Black has won"
    assert page.locator("#board .winning.over").count() == 1
    assert page.is_disabled("#resign")
    page.click("#undo")
    page.wait_for_function(STATUS_HAS, arg="Your move")
    page.click("#resign")
    assert "You lose: White has won, Black resigns" in page.wait_for_selector("text=You lose").inner_text()


def test_a_click_on_a_stone_is_explained_and_changes_nothing(page):
    start(page)
    page.click(cell("b2"))
    wait_for_turn(page, 2)
    before = stones(page)
    page.click(cell("b2"))
    page.wait_for_selector("#alert:not([hidden])")
    assert "Black has a stone there" in page.inner_text("#alert")
    assert stones(page) == before
    page.expected_failures = 1  # the browser notes the answer 400


def test_the_layers_show_what_the_agent_thinks_and_the_truth(page):
    start(page, simulations=64)
    page.click(cell("b2"))
    wait_for_turn(page, 2)
    free = stones(page).count(".")
    for layer, word, told in (("prior", "network", r"network \d+ %"), ("visits", "visits", r"\d+ visits"), ("wins", "wins", r"wins \d+ %")):
        page.check(f"input[value={layer}]")
        page.wait_for_selector(f"#board [aria-label*={word}]")
        labels = page.eval_on_selector_all("#board [role=gridcell]", LABELS)
        assert any(re.search(told, label) for label in labels), labels
    page.check("input[value=truth]")
    page.wait_for_selector("#board >> text=✓")
    winning = {name for name in Board(3).legal_moves if "wins" in page.get_attribute(cell(name), "aria-label")}
    board = Board.from_text("/".join(stones(page)[row : row + 3] for row in (0, 3, 6)))
    assert winning == set(solver.solve(board).names)
    assert page.locator("#board >> text=✗").count() == free - len(winning)
    assert page.inner_text("#legend").startswith("Black wins with perfect play")
    rows = page.locator("#moves tbody tr").all_inner_texts()
    assert re.match(r"[abc][123]\s+\d+ %\s+\d+ %\s+\d+\s+\d+ %", rows[0])
    assert re.match(r"Black \d+ %\s*White \d+ %", page.inner_text(".chance-text"))
    assert page.locator("#chance rect.part.black").count() >= 3, "a bar now, and one for every move that was searched"


def test_a_long_solution_comes_move_by_move_and_can_be_stopped(page):
    start(page, size=6, text="f6 c3")
    page.check("input[value=truth]")
    assert "0 of 34 moves are solved" in page.inner_text("#legend")
    page.click("#solve")
    page.wait_for_selector("#solve >> text=Stop")
    page.click("#solve")
    page.wait_for_selector("#solve >> text=Solve")
    assert "moves are solved" in page.inner_text("#legend")
    page.click("#solve")
    page.wait_for_selector("#legend >> text=wins with perfect play. ✓")
    assert page.is_hidden("#solve")
    assert page.locator("#board >> text=/[✓✗]/").count() == 34


def test_a_hint_is_marked_and_told(page):
    start(page, agent="perfect", simulations=8)
    page.click("#hint")
    page.wait_for_selector("#board .ring")
    hint = re.search(r"Hint for Black: (\w+), \d+ % to win", page.inner_text("#status"))[1]
    assert hint in solver.solve(Board(3)).names
    assert "hint" in page.get_attribute(cell(hint), "aria-label")


def test_the_stepper_walks_through_the_four_phases(page):
    start(page, size=3, text="b2 a1")
    page.click("nav >> text=Search")
    page.wait_for_selector("text=Before the first of 32 simulations")
    assert page.is_disabled("#step-back")
    for phase in ("select", "expand", "evaluate", "back up"):
        page.click("#step-next")
        assert page.inner_text("#step-status") == f"Simulation 1 of 32: {phase}"
        assert page.inner_text("#phases [aria-current=step]").lower() == phase
    assert page.locator("#tree .node").count() == 1
    page.click("#step-next")
    chosen = page.inner_text("#choices tr.chosen td >> nth=0")
    assert page.inner_text("#choices tbody tr >> nth=0") == "At the root, Black chooses"
    assert page.locator("#choices tbody tr").count() == 10
    assert chosen in page.inner_text("#story")
    assert page.locator("#step-board .ghost").count() == 1
    page.click("#step-last")
    name, visits, _ = page.locator("#tree .node >> nth=0").locator("text").all_text_contents()
    assert name.startswith("root")
    assert f"Simulation {visits} of" in page.inner_text("#step-status")
    assert page.locator("#tree .node").count() > 5
    assert page.evaluate("document.activeElement.id") == "step-back", "a button that ends hands the focus on"
    page.click("#step-back")
    assert "evaluate" in page.inner_text("#step-status")
    page.click("#step-first")
    assert page.locator("#tree .node").count() == 0


def test_a_link_opens_the_stepper_at_a_position(page, address):
    drawn = Board.from_text(". W . . / . B . . / . . . . / . . . .", turn=Color.WHITE)
    page.goto(lessons.Stepper(drawn, simulations=16, address=address).link)
    page.wait_for_selector("#step-about >> text=White to move after 0 moves")
    page.wait_for_selector("text=Before the first of 16 simulations")
    labels = page.eval_on_selector_all("#step-board [role=gridcell]", LABELS)
    assert [label for label in labels if "empty" not in label] == ["b1, White", "b2, Black"]
    page.goto(lessons.Stepper(Board(size=2), agent="lesson-2", simulations=8, address=address).link)
    page.wait_for_selector("text=Before the first of 8 simulations")
    assert page.url.endswith("#steps"), "a reload goes on from here"
    for _ in range(4):
        page.click("#step-skip")
    assert page.inner_text("#story").endswith(": b1, a1. The table shows the choices on the way.")
    rows = page.locator("#choices tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows[:6]] == ["At the root, Black chooses", "b1", "a2", "b2", "a1", "After b1, White chooses"]
    assert rows[1].split("\t")[-1] == "+0.671", "as lesson 2 works it out"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#step-link")
    page.wait_for_selector("#step-link >> text=Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{address}/#steps?start=https%3A%2F%2Fhexworld.org%2Fboard%2F%232c1%2C&agent=lesson-2&simulations=8"
    page.click("#step-last")
    page.goto(link)
    page.wait_for_selector("text=Before the first of 8 simulations")
    page.goto(f"{address}/#steps?start=./B./.W.")
    page.wait_for_selector("#alert >> text=/row 1/i")
    page.expected_failures = 1  # the browser notes the answer 400


def test_the_dashboard_shows_runs_games_and_the_tournament(page, runs):
    page.click("nav >> text=Learning")
    page.click("#runs >> text=class/first")
    page.wait_for_selector("#curves >> text=Won positions given away")
    assert page.locator("#curves figure").count() >= 7
    page.wait_for_selector("text=Move 5 of 5, b3. Black wins.")
    page.select_option("#replay-game", "1")
    page.fill("#replay-move", "2")
    assert page.inner_text("#replay-about") == "Move 2 of 6, b2. Black to move."
    assert "White, last move" in page.get_attribute("#replay-board [data-cell=b2]", "aria-label")
    page.click("#replay-play")
    page.wait_for_selector("text=Move 4 of 6")
    page.wait_for_selector("#ratings >> text=perfect play")
    assert "−300" in page.inner_text("#ratings tbody tr >> nth=2")
    page.click("#frontier .point.playable >> nth=1")
    page.wait_for_selector("#setup[open]")
    assert page.input_value("[name=agent]") == "run:class/first"
    assert page.input_value("[name=snapshot]") == "1"
    page.click("#setup-cancel")
    page.focus("#runs >> text=class/first")
    run = runs / "class" / "first"
    for folder, ending in (("games", "sgf"), ("snapshots", "safetensors")):
        shutil.copy(run / folder / f"001.{ending}", run / folder / f"002.{ending}")
    with (run / "metrics.jsonl").open("a") as rows:
        print(json.dumps({"iteration": 10, "iterations": 10, "samples": 5_000_000, "games": 9, "policy_loss": 0.0625}), file=rows)
    page.wait_for_selector("#runs >> text=5M")
    page.wait_for_selector("#curves >> text=0.0625")
    page.wait_for_selector("#replay-snapshot option[value='2']", state="attached")
    assert page.input_value("#replay-snapshot") == "1", "the game that is shown stays"
    assert page.evaluate("document.activeElement.textContent") == "class/first", "the focus stays where it was"


def test_why_there_are_no_runs_is_told_for_as_long_as_it_is_so(page, monkeypatch):
    def fail(runs):
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(learning.Runs, "list_runs", fail)
        page.click("nav >> text=Learning")
        page.wait_for_selector("#runs-about >> text='The server failed (OSError): its log says more.'")
    page.wait_for_selector("#runs >> text=class/first")
    assert page.inner_text("#runs-about").startswith("1 in ")


def test_everything_is_reached_by_keyboard(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "new":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#setup[open]")
    assert page.evaluate("document.activeElement.name") == "size"
    page.keyboard.type("3")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "submit":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#board [role=gridcell]').length === 9")
    page.focus("#new")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.cell") == "b2", "one stop for the whole board, at its middle"
    assert page.get_attribute("#board .cursor", "visibility") == "visible"
    for step in ("Left a2", "Left a2", "Down a3", "Right b3", "Up b2"):
        key, name = step.split()
        page.keyboard.press(f"Arrow{key}")
        assert page.evaluate("document.activeElement.dataset.cell") == name
    for key, name in (("End", "c2"), ("PageUp", "c1"), ("PageDown", "c3"), ("Home", "a3"), ("PageUp", "a1"), ("ArrowRight", "b1")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.dataset.cell") == name
    page.keyboard.press("Enter")
    wait_for_turn(page, 2)
    assert page.get_attribute(cell("b1"), "aria-label").startswith("b1, Black")
    assert page.evaluate("document.activeElement.dataset.cell") == "b1", "the focus stays"
    assert re.fullmatch(r"White played \w\d\. Your move, Black\.", page.inner_text("#status"))
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "overlay":
            break
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#board [aria-label*=network]")


def test_screen_readers_hear_a_grid(page):
    start(page, size=2)
    heard = page.locator("#board").aria_snapshot()
    assert re.sub(r"\s+", " ", heard).startswith('- grid "Board": - row')
    for name in ("a1", "b1", "a2", "b2"):
        assert f'gridcell "{name}, empty"' in heard
    assert page.get_attribute("#status", "role") == "status"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_jumps_while_a_game_goes_on(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    start(page, size=5, simulations=1024)

    page.evaluate("""() => {
        const ids = ["board", "undo", "chance", "overlays", "moves", "line"], status = document.getElementById("status");
        window.places = () => ids.map(id => Math.round(document.getElementById(id).getBoundingClientRect().top + scrollY));
        window.whileThinking = [];
        const note = () => { if (status.textContent.includes("thinking")) whileThinking.push(places()); };
        new MutationObserver(note).observe(status, { childList: true, characterData: true, subtree: true });
    }""")

    def places():
        return page.evaluate("() => places()")

    before = places()
    page.click(cell("c3"))
    wait_for_turn(page, 2)
    seen = page.evaluate("() => whileThinking")
    assert seen, "the page says that the agent thinks, for however short a time"
    assert all(each == before for each in seen)
    assert places() == before
    for layer in ("prior", "visits", "wins", "truth"):
        page.check(f"input[value={layer}]")
        page.wait_for_timeout(300)
        assert places() == before, layer
    page.click("#hint")
    page.wait_for_selector("#board .ring")
    assert places() == before


@pytest.mark.parametrize("width", [360, 390, 430])
def test_a_large_board_is_played_by_finger_on_a_phone(browser, address, width):
    context = browser.new_context(viewport={"width": width, "height": 760}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    start(page, size=11, simulations=1)
    assert page.locator(f"{cell('a1')} .hex").bounding_box()["width"] >= 24, "what WCAG asks of a target"
    tops = [page.locator(cell(name)).bounding_box()["y"] for name in ("a1", "f6", "k11")]
    lefts = [page.locator(cell(name)).bounding_box()["x"] for name in ("a11", "f6", "k1")]
    assert tops == sorted(tops)
    assert lefts == sorted(lefts), "a1 is on top, k11 below, a11 on the left"
    page.tap(cell("b10"))
    wait_for_turn(page, 2)
    assert page.get_attribute(cell("b10"), "aria-label").startswith("b10, Black")
    page.set_viewport_size({"width": 760, "height": width})  # the phone is held across
    page.wait_for_function(LIES_FLAT)
    assert page.get_attribute(cell("b10"), "aria-label").startswith("b10, Black")
    context.close()


def test_a_reload_keeps_the_game(page):
    start(page, size=3)
    page.click(cell("b2"))
    wait_for_turn(page, 2)
    before = stones(page)
    page.reload()
    wait_for_turn(page, 2)
    assert stones(page) == before


def test_a_position_that_makes_no_sense_is_explained_where_it_was_typed(page):
    page.click("#new")
    page.fill("[name=start]", "c3 c3")
    page.click("#setup-form [type=submit]")
    page.wait_for_selector("#setup-wrong >> text=move 2")
    assert page.is_visible("#setup")
    page.expected_failures = 1  # the browser notes the answer 400


def test_no_width_needs_sideways_scrolling(page):
    for view in ("play", "steps", "learn"):
        page.click(f"[data-view={view}]")
        page.wait_for_timeout(500)
        for width in (320, 360, 768, 960, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view


GROUNDS = {
    "--page": ("--ink", "--soft"),
    "--card": ("--ink", "--soft", "--wrong"),
    "--strong": ("--on-strong",),
    "--field": ("--cell-ink",),
    "--warm": ("--hot-ink",),
    "--cold": ("--hot-ink",),
}


def test_words_stand_out_from_their_ground(page):
    """By the contrast that WCAG 2 asks for, in both themes."""
    color_of = """name => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(${name})`;
        const color = getComputedStyle(probe).color;
        probe.remove();
        return color;
    }"""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for ground, inks in GROUNDS.items():
            for ink in inks:
                dark, light = sorted(luminance(page.evaluate(color_of, name)) for name in (ink, ground))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (theme, ink, ground)


def luminance(color):
    channels = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_theme_is_chosen_and_kept(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    page.click("#theme")
    assert page.get_attribute("#theme", "aria-label") == "Theme: dark"
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
