"""Sinks: what messages are sent to."""
