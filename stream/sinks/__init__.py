"""Sinks: components that receive each message and pass it on."""
