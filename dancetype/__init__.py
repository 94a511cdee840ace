"""Classify dance genres live from a camera, or from video files."""
