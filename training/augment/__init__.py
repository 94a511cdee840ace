"""Augmentation: a simulated camera and the errors of pose estimation."""
