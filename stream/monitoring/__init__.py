"""How a run is doing, for those who watch over it."""
