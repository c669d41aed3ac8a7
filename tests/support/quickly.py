"""Which rows of a table `make test` runs, where `make test-slow` runs them all."""

import pytest


def rows(table, quick):
    """Parameters of a test on each row of `table`; those that are not `quick` are marked slow.

    For what takes seconds a network, and goes through the same code for most of them.
    """
    missing = [row for row in quick if row not in table]
    assert not missing, f"no rows of the table: {missing}"
    marks = {False: (pytest.mark.slow,), True: ()}
    return [
        pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=marks[row in quick])
        for row in table
    ]
