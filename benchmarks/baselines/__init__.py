"""Baseline models for comparison with the shipped one, and figures of the rolling estimate."""
