"""The guide keeps its word: examples run, commands parse, numbers are the measured ones; the site builds unwarned and stands alone."""

import contextlib
import csv
import functools
import html.parser
import importlib
import importlib.util
import io
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import types
import urllib.parse

import numpy as np
import pytest
from written_examples import read_blocks, read_commands, run_page

from hexlab import mcts, scaling
from hexlab.app import cli
from hexlab.lab.grids import read_grid

ROOT = pathlib.Path(__file__).resolve().parents[1]
GUIDE = ROOT / "notebooks" / "guide"
PAGES = sorted([*GUIDE.glob("**/*.md"), *ROOT.glob("notebooks/*.md"), *ROOT.glob("experiments/**/*.md"), ROOT / "CONTRIBUTING.md"])
NOT_HERE = {
    "reproduce": "minutes; tests/lab/test_pipeline.py runs it",
    "train": "an agent for every line would take minutes; the tutorial trains one",
    "verify": "needs such an agent",
    "topp": "needs such an agent",
    "web": "answers until it is stopped",
    "gtp": "answers until its input ends",
    "match": "with a program that is not installed here",
    "bench": "a minute",
}


def test_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("b2\nquit\n"))
    run_page(GUIDE / "tutorial.md", skip={"reproduce", "web"})


@pytest.mark.parametrize("name", ["parts", "dials"])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(GUIDE / f"{name}.md", skip=NOT_HERE)


SECTIONS = re.split(r"^(?=##+ )", (GUIDE / "bring_your_own.md").read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("text", SECTIONS, ids=lambda text: text.partition("\n")[0].strip("# "))
def test_each_section_on_bringing_your_own_is_a_program(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "section.md").write_text(text, encoding="utf-8")
    run_page(tmp_path / "section.md", skip={*NOT_HERE, "status"})


def test_a_module_of_pytorch_is_an_evaluator(monkeypatch):
    """With NumPy under the names of PyTorch that the page uses."""

    class Tensor(np.ndarray):
        def numpy(self):
            return np.asarray(self)

    class Module:
        def eval(self):
            return self

        def __call__(self, planes):
            return planes @ np.linspace(-1, 1, 18 * 10, dtype=np.float32).reshape(18, 10)

    monkeypatch.setitem(
        sys.modules, "torch", types.SimpleNamespace(no_grad=contextlib.nullcontext, from_numpy=lambda array: array.view(Tensor))
    )
    names = {}
    for text in SECTIONS:
        if text.startswith("## A network"):
            blocks = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if kind == "python"]
            exec(compile("\n".join(blocks[:2]), "network.py", "exec"), names)
    mcts.check_evaluator(names["Torch"](Module()), size=3, tolerance=1e-5)


def test_the_grid_of_the_page_is_read(tmp_path):
    [text] = [block for kind, block in read_blocks(GUIDE / "bring_your_own.md") if kind == "toml"]
    (tmp_path / "grid.toml").write_text(text, encoding="utf-8")
    grid = read_grid("mine", tmp_path / "grid.toml")
    assert {cell.size for cell in grid.cells} == {3, 4}
    assert {cell.net for cell in grid.cells} == {"dense", "hex"}


def test_workers_of_a_batch_system_are_asked_for_with_encryption(monkeypatch, capsys):
    pytest.importorskip("distributed", reason="the page on clusters needs the cluster extra")
    from dask.utils import parse_timedelta

    asked = {}

    class Cluster:
        scheduler_address = "tls://10.0.0.1:8786"

        def __init__(self, **settings):
            asked.update(settings)

        def adapt(self, minimum_jobs, maximum_jobs):
            asked["jobs"] = minimum_jobs, maximum_jobs

        def __enter__(self):
            return self

        def __exit__(self, *_):
            asked["closed"] = True

    def wait(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "dask_jobqueue", types.SimpleNamespace(SLURMCluster=Cluster))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("threading.Event.wait", wait)
    [script] = [text for kind, text in read_blocks(GUIDE / "cluster.md") if kind == "python"]
    exec(compile(script, "workers.py", "exec"), {"__name__": "__main__"})
    assert asked["closed"]
    assert asked["security"].require_encryption
    assert asked["cores"] == asked["processes"]
    assert asked["jobs"] == (8, 8)
    assert asked["scheduler_options"]["port"] == 8786, "where it is started again"
    words = asked["worker_extra_args"]
    importlib.import_module("distributed.cli.dask_worker").main.make_context("dask worker", [Cluster.scheduler_address, *words])
    given = dict(zip(words[::2], words[1::2], strict=True))
    lifetime, stagger, wall = (
        parse_timedelta(each) for each in (given["--lifetime"], given["--lifetime-stagger"], f"{asked['walltime'].partition(':')[0]}h")
    )
    assert 0 < lifetime + stagger < wall
    assert Cluster.scheduler_address in capsys.readouterr().out


BATCH_SYSTEM = """
import pathlib

class SLURMCluster:
    scheduler_address = "tls://10.0.0.1:8786"

    def __init__(self, **settings):
        pass

    def adapt(self, minimum_jobs, maximum_jobs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pathlib.Path("closed").touch()
"""
DRIVER = """#!/bin/sh
echo "$@" > driven
exit 3
"""


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("bash") is None, reason="the batch job is a script of bash")
def test_a_batch_job_waits_for_the_scheduler_and_ends_it_with_the_driver(tmp_path):
    """Without a terminal, as batch jobs run, with stand-ins for the batch system, for security and for the driver."""
    blocks = {kind: text for kind, text in read_blocks(GUIDE / "cluster.md") if kind in ("python", "bash")}
    files = {
        "dask_jobqueue.py": BATCH_SYSTEM, "distributed.py": "def Security(**settings): pass", "workers.py": blocks["python"],
        "driver.sh": blocks["bash"], "hexlab": DRIVER, "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "scheduler.txt").write_text("tls://10.0.0.9:8786 was the scheduler")
    seen = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "driver.sh"], cwd=tmp_path, env=seen, stdin=subprocess.DEVNULL, check=False, timeout=60)
    assert done.returncode == 3, "the driver's own"
    assert (tmp_path / "driven").read_text() == "reproduce --scale laptop --out /shared/laptop --cluster tls://10.0.0.1:8786\n"
    assert (tmp_path / "closed").exists()


def test_the_drivers_own_work_took_as_long_as_its_manifest_says():
    manifest = json.loads((ROOT / "experiments/01_frontier/manifest.json").read_text(encoding="utf-8"))
    assert f" took {manifest['seconds']['fit']:,.0f} s (`fit` in its" in (GUIDE / "cluster.md").read_text(encoding="utf-8")


def test_options_of_schedulers_and_workers_exist(tmp_path, monkeypatch):
    cli = pytest.importorskip("distributed.cli", reason="the page on clusters needs the cluster extra")
    programs = {name: importlib.import_module(f"{cli.__name__}.dask_{name}").main for name in ("scheduler", "worker")}
    monkeypatch.chdir(tmp_path)
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    commands = [words for kind, text in read_blocks(GUIDE / "cluster.md") if kind == "console" for words in read_commands(text, "dask")]
    assert len(commands) == 6
    for name, *words in commands:
        programs[name].make_context(f"dask {name}", words)


BLOCKS = [text for page in PAGES for kind, text in read_blocks(page) if kind in ("console", "bash")]
COMMANDS = sorted({tuple(words) for text in BLOCKS for words in read_commands(text)})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_parse(words, monkeypatch):
    asked = []
    for command in cli.COMMANDS.values():
        monkeypatch.setattr(command, "run", lambda self: asked.append(self))
    assert cli.main(list(words)) == 0
    assert isinstance(asked[0], cli.COMMANDS[words[0]])


@functools.cache
def list_options(name):
    """Return the options of a command, as its ``--help`` has them."""
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen), contextlib.suppress(SystemExit):
        cli.main([name, "--help"])
    return re.findall(r"^(?:│ |  )(--[a-z][a-z-]*)", screen.getvalue(), re.MULTILINE)


OF_OTHERS = {"--help", "--version", "--lifetime", "--memory-limit"}  # of all programs, and of dask


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_options_in_prose_and_tables_exist(page):
    known = OF_OTHERS.union(*map(list_options, cli.COMMANDS))
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", text):
        program, *words = code.split()
        if program.startswith("--") and page.is_relative_to(GUIDE.parent):  # those of experiments are of their scripts too
            assert program.partition("=")[0] in known, code
        elif program == "hexlab" and words and words[0] in cli.COMMANDS:
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= OF_OTHERS.union(list_options(words[0])), code


def test_seconds_of_each_board_are_those_measured():
    with (ROOT / "experiments/00_presets/seconds.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    text = (GUIDE / "dials.md").read_text(encoding="utf-8")
    for size in (3, 4, 5):
        runs = [row for row in rows if row["size"] == str(size)]
        seconds = statistics.median(float(row["cpu_seconds"]) for row in runs)
        cost = f"{float(runs[0]['train_flops']):.1e}".replace("e+", "e")
        assert re.search(rf"^\| {size}x{size} \|.*\| {cost} \| {seconds:g} \|", text, re.MULTILINE)


def assert_hours_are_foretold(size, forecast):
    """At 50 GFLOP/s a core, as the page says."""
    text = (GUIDE / "dials.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"^\| {size}x{size} \|((?: [\d,]+ \([^|]*\) \|){{3}})$", text, re.MULTILINE)
    for cell, way in zip(row.split("|"), ("change_point", "line", "smooth"), strict=False):
        cost = forecast.cost[way]
        value, low, high = (f"{float(f'{10**flops / 50e9 / 3600:.2g}'):,.0f}" for flops in (cost.value, cost.low, min(cost.high, 99)))
        assert cell.strip() == (f"{value} ({low} to {high})" if math.isfinite(cost.high) else f"{value} ({low} or more)")


def test_hours_of_9x9_are_those_foretold():
    assert_hours_are_foretold(9, scaling.read_forecast(ROOT / "experiments/01_frontier/predictions/9.json"))


@pytest.mark.slow
def test_hours_of_8x8_are_those_foretold():
    tables = scaling.read(ROOT / "experiments/01_frontier/tables")
    assert_hours_are_foretold(8, scaling.forecast_board(tables, 8, bootstrap=50))


def test_costs_came_out_above_the_change_point_law_and_below_the_other_ways():
    result = (ROOT / "experiments/01_frontier/README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\dx\d) \| log10 FLOPs of -50 Elo, by (\w+) \| ([\d.]+) \[.*?\] \| ([\d.]+) \[", result, re.MULTILINE)
    assert {board for board, *_ in told} == {"5x5", "6x6", "7x7"}
    assert len(told) == 9
    for _, way, foretold, measured in told:
        assert (float(foretold) < float(measured)) == (way == "change_point")


def test_worth_of_each_setting_is_that_measured():
    result = (ROOT / "experiments/03_efficiency/README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in result.splitlines() if line.startswith("| 4x4 | ")]
    measured = {row[1]: row[5] for row in rows if len(row) == 10}
    text = (GUIDE / "dials.md").read_text(encoding="utf-8")
    told = re.findall(r"^\|.*\| `(\w+)` \| ([^|]+) \|$", text, re.MULTILINE)
    assert len(told) == 9
    for arm, change in told:
        assert change == (measured[arm] or "did not get there")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the documentation needs the docs extra, {name} is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(GUIDE), str(ROOT), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Page(html.parser.HTMLParser):
    """What a built page links to, what it loads, and the names by which others can link into it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.names = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") != "canonical":
            self.loads.append(found["href"])
        if "src" in found:
            self.loads.append(found["src"])


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def is_elsewhere(link):
    return bool(urllib.parse.urlsplit(link).scheme) and not link.startswith("data:")


def test_every_page_of_the_guide_is_built(site):
    for path in [*PAGES, *ROOT.glob("notebooks/*.ipynb")]:
        assert (site / path.relative_to(ROOT)).with_suffix(".html").is_file(), f"{path} is on no page"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_option_of_a_command_is_on_its_page_and_found_by_the_search(name, site):
    page = (site / "notebooks/guide/api/commands.html").read_text(encoding="utf-8")
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert f'id="hexlab-{name}"' in page
    for option in list_options(name):
        place = f"cmdoption-hexlab-{name}-{option.removeprefix('--')}"
        assert re.search(rf'id="{place}".*?</dt>\n<dd><p>\S', page, re.DOTALL)
        assert re.search(rf'"{option}":\[[^"]*("[^"]*"[^"]*)*"{place}"', index)


def test_every_link_within_leads_somewhere(pages):
    for path, page in pages.items():
        for link in page.links:
            if is_elsewhere(link):
                continue
            target, _, name = urllib.parse.unquote(link).partition("#")
            place = (path.parent / target.partition("?")[0]).resolve() if target else path
            assert place.is_file(), f"{path.name}: {link}"
            if name and place in pages:
                assert name in pages[place].names, f"{path.name}: {link}"


def test_pages_fetch_nothing_from_elsewhere(site, pages):
    for path, page in pages.items():
        for link in page.loads:
            assert not is_elsewhere(link), f"{path.name} loads {link}"
            if not link.startswith(("data:", "#")):
                assert (path.parent / link.partition("?")[0]).is_file(), f"{path.name} loads {link}"
    for path in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")), path
