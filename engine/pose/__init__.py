"""Pose estimation with one of two runtimes."""
