"""trade_research."""
