"""Keeping what was seen: joints, never a picture."""
