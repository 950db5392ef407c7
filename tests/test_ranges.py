"""Every value of a table is looked at when it is read, and one that cannot be is named with its row."""

import csv
import dataclasses
import io
import lzma

import pytest

from hexlab import ranges, records
from hexlab.csv_tables import columns, read_table, table_file, write_table
from hexlab.errors import StoreError
from hexlab.ranges import find_fault
from hexlab.rules.cells import MAX_SIZE

ROWS = {
    "runs": records.Run("r", 3, 8, 2, 0, 92, 16, '{"size": 3}'),
    "snapshots": records.Snapshot("r", 1, 4096, 65536, 1.5e9, 0.25e9, 1.75e9, 6e8),
    "timings": records.Timing("r", 1, 2.5, 40.0),
    "agents": records.Agent("r/1@8", 3, "snapshot", "r", 1, 8, 1472.0),
    "pairings": records.Pairing(3, "perfect-3", "r/1@8", 0, 3, 2, 1, 0),
    "openings": records.PairOpenings(3, "perfect-3", "r/1@8", "a1 b2;c3 b2", "10", "11", "13;15"),
    "ratings": records.Rating("r/1@8", 3, -20.0, -30.0, -10.0, 40, 0.4, 0.3, 0.5, 12, "perfect-3", 0.0),
    "conversions": records.Conversion(3, "r/1@8", 80, 82),
}


@pytest.mark.parametrize(
    ("table", "field", "value", "expected"),
    [
        ("runs", "run", "", "a key"),
        ("runs", "width", "0", "a number from 1 to"),
        ("runs", "width", "-2", "a number from 1 to"),
        ("runs", "size", "20", "a number from 1 to 19"),
        ("runs", "seed", "-1", "a number from 0 to"),
        ("runs", "config", "{", "settings as JSON"),
        ("runs", "config", "[1]", "settings as JSON"),
        ("snapshots", "train_flops", "-1.0", "a number from 0 to"),
        ("snapshots", "train_flops", "nan", "a number from 0 to"),
        ("snapshots", "train_flops", "0.0", "from 1 up after snapshot 0"),
        ("snapshots", "samples", "1" + 24 * "0", "a number from 0 to"),
        ("snapshots", "snapshot", "-1", "a number from 0 to"),
        ("timings", "seconds", "nan", "a number from 0 to"),
        ("timings", "seconds", "1e-300", "a number from a nanosecond up"),
        ("timings", "seconds", "-0.5", "a number from 0 to"),
        ("agents", "kind", "alien", "snapshot, perfect or random"),
        ("agents", "kind", "perfect", "the run of a snapshot, and nothing for another kind"),
        ("agents", "snapshot", "-1", "from 0 up for a snapshot"),
        ("agents", "test_simulations", "0", "from 1 up for a snapshot"),
        ("agents", "test_flops", "nan", "a number from 0 to"),
        ("agents", "test_flops", "0.5", "from 1 up for a snapshot"),
        ("pairings", "half", "2", "a number from 0 to 1"),
        ("pairings", "won_both", "-3", "a number from 0 to"),
        ("pairings", "lost_both", "1" + 24 * "0", "a number from 0 to"),
        ("openings", "first_won_as_black", "12", "a 1 or 0 for each opening"),
        ("ratings", "elo", "nan", "a number from -1e+06 to 1e+06"),
        ("ratings", "elo", "inf", "a number from -1e+06 to 1e+06"),
        ("ratings", "low", "-5.0", "up to that of high"),
        ("ratings", "elo", "-5.0", "from that of low to that of high"),
        ("ratings", "games", "-3", "a number from 0 to"),
        ("ratings", "perfect_score", "nan", "a share of perfect_games, nan of none"),
        ("ratings", "perfect_score", "1.5", "a number from 0 to 1, or nan"),
        ("ratings", "perfect_score_low", "0.6", "up to that of perfect_score_high"),
        ("ratings", "perfect_games", "0", "a share of perfect_games, nan of none"),
        ("ratings", "perfect_games", "41", "up to that of games"),
        ("ratings", "anchor_error", "-1.0", "a number from 0 to 1e+06, or nan"),
        ("conversions", "converted", "83", "up to that of positions"),
        ("conversions", "positions", "0", "a number from 1 to"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_row(table, field, value, expected, tmp_path):
    row = ROWS[table]
    path = write_table(tmp_path / table_file(table), [row])
    assert read_table(path, type(row)) == [row]
    packed = path.suffix == ".xz"
    lines = list(csv.reader(io.StringIO(lzma.decompress(path.read_bytes()).decode() if packed else path.read_text())))
    damaged = list(lines[1])
    damaged[lines[0].index(field)] = value
    text = io.StringIO()
    csv.writer(text).writerows([*lines, damaged])
    path.write_bytes(lzma.compress(text.getvalue().encode()) if packed else text.getvalue().encode())
    with pytest.raises(StoreError) as raised:
        read_table(path, type(row))
    said = str(raised.value)
    assert said.startswith(f"row 3 of {path}: ")
    assert expected in said
    assert said.endswith("; restore the file")
    assert "\n" not in said


def test_what_is_not_known_may_be_nan():
    nan = float("nan")
    unmet = dataclasses.replace(
        ROWS["ratings"], perfect_score=nan, perfect_score_low=nan, perfect_score_high=nan, perfect_games=0, anchor_error=nan
    )
    assert find_fault(records.Rating, columns([unmet, ROWS["ratings"]])) is None


def test_a_nan_among_good_values_is_found():
    for place in range(3):
        elo = [-20.0, -20.0, -20.0]
        elo[place] = float("nan")
        held = columns([ROWS["ratings"]] * 3) | {"elo": elo}
        assert find_fault(records.Rating, held) == (place, "elo", "a number from -1e+06 to 1e+06")


def test_boards_are_those_of_the_rules():
    assert ranges.LARGEST == MAX_SIZE
