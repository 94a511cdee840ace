"""Capture of a source: reader threads, watchdog and reconnection."""
