"""Training data: reading, splitting and sampling it."""
