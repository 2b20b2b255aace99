"""The look of the tools' tables."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text


def plain_table(*columns: str, right: tuple[str, ...] = (), gap: int = 2) -> Table:
    """Return a table without lines; the columns in `right` are numbers."""
    table = Table(box=None, header_style="bright_black", padding=(0, gap, 0, 0))
    for column in columns:
        # A path longer than its column goes on in the next line, whole.
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def titled(title: str, table: Table) -> Group:
    """Return a table under its title, which may be wider than it."""
    return Group(Text(title, style="bold"), table)
