"""Finds the poses of people in each frame of a video, by one of two runtimes."""
