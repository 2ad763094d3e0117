"""Vendors' tables that contradict themselves are told at the import and by every check after it."""

from __future__ import annotations

import pytest

from tests.data import SHARED, needs_data
from trade_research.frames.vendor import VENDOR_KINDS
from trade_research.research.ingest import import_files
from trade_research.research.quality import quality
from trade_research.store.store import Store

FOLDER = SHARED / "ohlcv/defects/yahoo_bad" if SHARED else None
REFUSED = "KEN-TA-1d-bad-div-fixed"  # has a day without prices, which is said, and nothing stored
FIXED = [p for p in sorted(FOLDER.glob("*-fixed.csv")) if p.stem != REFUSED] if FOLDER else []
PLACES = {"L": "XLON", "T": "XTKS", "DE": "XETR", "PA": "XPAR", "AX": "XASX"}


def calendar_of(path):
    return PLACES.get(path.name.split("-")[1], "24/7")


def imported(path, root):
    step = "1h" if "-1h-" in path.name else "1w" if "-1wk-" in path.name else "1d"
    (report,) = import_files(
        [path], root, venue="vendor", symbol="X", interval=step, calendar=calendar_of(path)
    )
    return report.verdicts.filter(report.verdicts["kind"].is_in(list(VENDOR_KINDS)))


@needs_data
@pytest.mark.parametrize("fixed", FIXED, ids=lambda p: p.stem)
def test_a_bad_table_is_told_and_the_fixed_one_takes_its_place(fixed, tmp_path):
    bad = fixed.with_name(fixed.name.replace("-fixed", ""))
    told = imported(bad, tmp_path)
    vendor = told.filter(~told["causal"])
    assert vendor.height
    store = Store(tmp_path)
    checked = store.verdicts("vendor:X@" + str(store.catalog()["interval"][0]))
    assert vendor.join(checked, on=vendor.columns, how="anti").is_empty()
    assert quality(store)["wrong"][0] >= vendor["rows"].sum()

    again = imported(fixed, tmp_path)
    assert again.filter(~again["causal"]).is_empty()
