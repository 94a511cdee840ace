"""Pose estimation, by one of two runtimes."""
