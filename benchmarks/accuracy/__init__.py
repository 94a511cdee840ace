"""Measures how true the product is, and writes `docs/accuracy.md`; see `__main__.py`."""
