"""The cases of all sources."""

from __future__ import annotations

from tests.standins import recorded
from tests.standins.binance import SPOT, USDM, hourly
from tests.standins.case import Case
from tests.standins.exchange_cases import archive_case, futures_case, kline_case, kraken_case, usdm
from tests.standins.vendor_cases import alpha_case, cap_case, gecko_case, yahoo_case


def all_cases() -> list[Case]:
    """Every source."""
    day = recorded.answer("binance/rest/klines_BTCUSDT_1d_2024-01-01.json.gz")
    return [
        kline_case("binance", SPOT, hourly()[:200], "1h", "spot"),
        kline_case("binance_usdm", USDM, usdm(), "1d", "usdm"),
        kline_case("binanceus", "api.binance.us/api/v3", day[:150], "1d", "spot"),
        kraken_case(),
        futures_case(),
        yahoo_case(),
        alpha_case(),
        gecko_case(),
        cap_case(),
        archive_case(),
    ]
