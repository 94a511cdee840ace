"""Reading a source: threads, stalls, and coming back after a fault."""
