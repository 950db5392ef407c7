"""Take pictures of the page: ``python tests/app/web_pictures.py FOLDER``, to look at after a change.

Every view, on a desktop and on a phone, light and dark: ``play-desktop-light.png`` and so on. The runs are those of the tests.
"""

import os
import pathlib
import shutil
import sys
import tempfile

from playwright.sync_api import sync_playwright
from web_client import serve, write_run, write_tables

SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}


def show_play(page):
    for move in ("c3", "d2"):
        page.click(f"#board [data-cell={move}]")
        page.wait_for_selector(f"#board [data-cell={move}][aria-label*=Black]")
        page.wait_for_selector("#status >> text=Your move")
    page.check("input[value=visits]")
    page.wait_for_selector("#board .badge")


def show_steps(page):
    page.click("[data-view=steps]")
    page.wait_for_selector("text=Before the first of 32 simulations")
    for _ in range(4 * 20 + 1):
        page.click("#step-next")


def show_learn(page):
    page.click("[data-view=learn]")
    page.wait_for_selector("#curves figure")
    page.wait_for_selector("#frontier .point")


def show_large(page):
    page.click("[data-view=play]")
    page.click("#new")
    page.select_option("[name=size]", "11")
    page.select_option("[name=color]", "both")
    page.fill("[name=start]", "f6 e8 g5 d4 h3")
    page.click("#setup-form [type=submit]")
    page.wait_for_selector("#board [data-cell=k11]")
    page.check("input[value=wins]")
    page.wait_for_selector("#board [aria-label*=wins]")


VIEWS = {"play": show_play, "steps": show_steps, "learn": show_learn, "large": show_large}


def take_pictures(folder, address, program):
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for device, size in SIZES.items():
            for theme in ("light", "dark"):
                page = browser.new_page(viewport=size, color_scheme=theme)
                page.goto(address)
                page.wait_for_selector("#board [data-cell=c3]")
                for name, show in VIEWS.items():
                    show(page)
                    page.mouse.move(0, 0)
                    page.evaluate("scrollTo(0, 0)")
                    page.wait_for_timeout(300)
                    page.screenshot(path=folder / f"{name}-{device}-{theme}.png", full_page=device == "phone" or name == "learn")
                page.close()
        browser.close()


if __name__ == "__main__":
    pictures = pathlib.Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        write_run(pathlib.Path(name) / "first")
        write_tables(pathlib.Path(name) / "tables")
        with serve(pathlib.Path(name)) as address:
            take_pictures(pictures, address, os.environ.get("HEXLAB_CHROMIUM") or shutil.which("chromium"))
