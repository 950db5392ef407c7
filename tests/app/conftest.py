"""What several tests of the page share."""

import pytest


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    from web_client import write_run, write_tables  # needs the dev extra, as the tests do that ask for this

    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "class" / "first")
    write_tables(folder / "class" / "tables")
    return folder
