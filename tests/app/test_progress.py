"""Progress where there is no terminal: plain lines, few of them."""

from hexlab.app.progress import show_progress
from hexlab.lab.runner import Progress


def test_the_first_and_the_last_step_of_a_stage_are_told_once(capsys):
    shares = {"train": (0.1, 0.2, 0.99, 1.0, 1.0), "rate": (0.0, 0.5, 1.0)}
    show_progress(Progress(stage, done, "at work", 0.0, None) for stage in shares for done in shares[stage])
    lines = ["train  10 %: at work", "train 100 %: at work", "rate   0 %: at work", "rate 100 %: at work"]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_cell_that_fails_is_told_once_with_its_reason(capsys):
    steps = [((), 0.1), (("3x3 2x1 seed 0: diverged",), 0.5), (("3x3 2x1 seed 0: diverged", "3x3 2x1 seed 1: full"), 0.9)]
    show_progress(Progress("train", done, "at work", 0.0, None, failed) for failed, done in steps)
    show_progress([Progress("rate", 1.0, "at work", 0.0, None)])
    assert [line for line in capsys.readouterr().out.splitlines() if "failed" in line] == [
        "failed: 3x3 2x1 seed 0: diverged",
        "failed: 3x3 2x1 seed 1: full",
    ]
