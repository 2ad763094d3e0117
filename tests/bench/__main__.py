"""All benchmarks in one command: `python -m tests.bench [name …]`.

Each times ours and a peer alternately in one process and prints medians and their ratio. Only the
ratios mean anything on a shared machine.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from tests.bench.table import Row


def main(names: list[str]) -> None:
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    wanted = [name for name in found if not names or name.removeprefix("bench_") in names]
    packages = ("numpy", "numba", "polars", "pyarrow", "duckdb")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    print(", ".join(f"{name} {version(name)}" for name in packages))
    print(f"\n{'work':58}{'ours':>12}{'peer':>12} {'unit':8}{'ratio':>8}  goal; peer")
    for name in wanted:
        for row in importlib.import_module(f"tests.bench.{name}").rows():
            print(line(row), flush=True)


def line(row: Row) -> str:
    peer = "" if row.peer is None else f"{row.peer:,.4g}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    return (
        f"{row.work:58}{row.ours:>12,.4g}{peer:>12} {row.unit:8}{ratio:>8}  "
        f"{row.goal}; {row.peer_name}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
