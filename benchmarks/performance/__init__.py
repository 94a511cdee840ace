"""Measures the product beside what a user would write instead, and writes docs/performance.md."""
