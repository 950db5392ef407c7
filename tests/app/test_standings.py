"""The page of a tournament: whole without a network, true to the games, and stepped through in a real browser."""

import contextlib
import dataclasses
import html
import json
import os
import re
import shutil

import pytest

from hexlab.app import standings
from hexlab.arena import Contest, ContestGame, ContestMatch, Entry, Rules

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("HEXLAB_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def match(first, second, *games):
    return ContestMatch(first, second, ("", ""), tuple(games))


CONTEST = Contest(
    Rules(size=3, games=2),
    (Entry("ann"), Entry("b<i>b"), Entry("cy", absent="raised ImportError: no\n  cy.py, line 1"), Entry("random")),
    (
        match(
            "ann", "b<i>b",
            ContestGame("ann", "b<i>b", "b2 a1", "b2 a1 b1 c1 b3", "black"),
            ContestGame("b<i>b", "ann", "b2 a1", "b2 a1", "white", "played 'a1': Black has a stone there\n. . </script>"),
        ),
        match(
            "ann", "random",
            ContestGame("ann", "random", "c1 a3", "c1 a3 b2 b3 a2 a1 b1 c3", "white"),
            ContestGame("random", "ann", "c1 a3", "c1 a3 b2 b3 c2 c3", "white"),
        ),
    ),
)  # fmt: skip


@pytest.fixture
def page(tmp_path):
    standings.write_page(CONTEST, tmp_path / "index.html")
    return tmp_path / "index.html"


def test_the_page_holds_all_it_needs(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!#|data:,)|url\(|@import|^import |^export |fetch\(""", text, re.MULTILINE)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"</?i>|</script>", text) == ["</script>"] * 2
    data = json.loads(re.search(r'id="data">(.*)</script>', text)[1])
    assert [len(one["games"]) for one in data["matches"]] == [2, 2]
    assert data["matches"][0]["games"][0]["path"] == ["b1", "b2", "b3"]
    assert data["matches"][0]["games"][1]["forfeit"] == "played 'a1': Black has a stone there"
    words = html.unescape(re.sub("<[^>]*>", " ", text))
    assert "4 players, 1 of them absent, 2 of 3 matches, 4 games." in words
    assert "Absent: it raised ImportError: no" in words


def test_a_page_without_a_match_says_so(tmp_path):
    standings.write_page(Contest(CONTEST.rules, CONTEST.entries, ()), tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Ratings come with the first match." in text
    assert 'id="replay"' not in text


def test_the_page_says_what_has_elo_0(tmp_path):
    handed_in = tuple(dataclasses.replace(entry, digest="1") for entry in CONTEST.entries)
    for entries, zero in ((CONTEST.entries, "Random play has Elo 0."), (handed_in, "The mean of all has Elo 0.")):
        standings.write_page(dataclasses.replace(CONTEST, entries=entries), tmp_path / "index.html")
        assert zero in (tmp_path / "index.html").read_text(encoding="utf-8"), "a file random.py is no random play"


def test_the_page_gives_the_one_end_that_the_games_bound(tmp_path):
    def won(first, second):
        black, white = ContestGame(first, second, "b2 a1", "b2 a1 b1 c1 b3", "black"), ContestGame(second, first, "b2 a1", "b2 a1", "white")
        return match(first, second, *(10 * [black, white]))

    entries = (Entry("ann", "1"), Entry("bob", "1"), Entry("random"))
    contest = Contest(Rules(size=3, games=20), entries, (won("ann", "bob"), won("ann", "random"), won("bob", "random")))
    ratings = contest.rate()
    assert ratings.open_ends == {"ann": "high", "bob": "high"}
    standings.write_page(contest, tmp_path / "index.html")
    rows = re.findall(r"<tr><td>\d</td>.*?</tr>", (tmp_path / "index.html").read_text(encoding="utf-8"))
    assert [re.findall(r"<td>(above [^<]*|[^<]* to [^<]*)</td>", row) for row in rows] == [
        [f"above +{ratings['ann'].low:.0f}"], [f"above +{ratings['bob'].low:.0f}"], ["0 to 0"],
    ]  # fmt: skip
    assert ['x2="120.0"' in row for row in rows] == [True, True, False], "the line goes on to the edge of the picture"


def test_a_tournament_is_told_as_it_goes_on(tmp_path, capsys):
    sittings = [Contest(CONTEST.rules, CONTEST.entries, CONTEST.matches[:count]) for count in (0, 1, 2)]
    standings.show(iter(sittings), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cy is absent: it raised ImportError: no"
    assert lines[1:3] == ["   1 of 3  ann 2 : 0 b<i>b (1 by forfeit)", "   2 of 3  ann 1 : 1 random"]
    assert lines[-1] == f"page: {tmp_path / 'index.html'}"
    standings.show(iter(sittings[2:]), tmp_path)
    assert "2 of 3 matches were played before" in capsys.readouterr().out


def test_games_by_the_swap_rule_are_shown_with_the_swap(tmp_path):
    games = [ContestGame(*names, "a3", "a3 swap-pieces b1 a1 b2 a2 b3", "black") for names in (("ann", "bob"), ("bob", "ann"))]
    contest = Contest(Rules(size=3, games=100, swap=True), (Entry("ann"), Entry("bob")), (match("ann", "bob", *games),))
    standings.write_page(contest, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*)</script>', text)[1])
    assert data["matches"][0]["games"][0]["path"] == ["b1", "b2", "b3"]
    assert data["matches"][0]["games"][0]["moves"][1] == "swap-pieces"
    assert "Each pair plays 18 games on 3x3: 9 openings of one random move, which White may take over by the swap rule" in text
    with browse(tmp_path / "index.html") as tab:
        tab.get_by_role("button", name="Move 2, swap-pieces").click()
        assert tab.get_by_role("gridcell", name="c1, White, last move").count() == 1
        assert count_stones(tab) == 1


@contextlib.contextmanager
def browse(page, **settings):
    sync_api = pytest.importorskip("playwright.sync_api", reason="the tests in a browser need the dev extra")
    if CHROMIUM is None:
        pytest.skip("the tests in a browser need Chromium")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        tab = browser.new_page(**settings)
        said = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        yield tab
        assert said == []
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        browser.close()


def count_stones(tab):
    return tab.locator("#replay-board .cell:is(.black, .white)").count()


def test_games_are_stepped_through_by_clicks_and_keys(page):
    with browse(page) as tab:
        assert tab.locator("#result").inner_text() == "ann wins as Black"
        assert count_stones(tab) == 5
        assert tab.locator(".winning.over").count() == 1
        tab.get_by_role("button", name="To the start").click()
        assert count_stones(tab) == 0
        assert tab.locator("#now").inner_text() == "Before the first move."
        tab.keyboard.press("ArrowRight")
        assert tab.locator("#now").inner_text() == "Move 1 of 5: Black (the opening) b2."
        tab.keyboard.press("End")
        assert tab.locator("#now").inner_text() == "Move 5 of 5: Black (ann) b3."
        tab.keyboard.press("ArrowLeft")
        assert count_stones(tab) == 4
        tab.get_by_role("button", name="Move 2, a1").click()
        assert tab.get_by_role("gridcell", name="a1, White, last move").count() == 1

        tab.locator("#pick-game").select_option("1")
        assert tab.locator("#result").inner_text() == "ann wins as White: b<i>b played 'a1': Black has a stone there"
        tab.get_by_role("link", name="random 1, ann 1: show the games").click()
        assert tab.locator("#pick-match").input_value() == "1"
        assert tab.locator("#result").inner_text() == "random wins as White"
        tab.locator("#pick-player").select_option("b<i>b")
        assert tab.locator("#pick-match").locator("option").all_inner_texts() == ["ann 2 : 0 b<i>b"]
        assert tab.locator("#result").inner_text() == "ann wins as Black"
        tab.go_back()
        assert tab.locator("#result").inner_text() == "random wins as White"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_the_light_and_in_the_dark(page, scheme):
    with browse(page, viewport={"width": 360, "height": 740}, color_scheme=scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        colors = tab.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
        ink, paper = (sum(map(int, re.findall(r"\d+", color)[:3])) for color in colors)
        assert (ink < paper) == (scheme == "light")
