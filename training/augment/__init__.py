"""Augmentation: a simulated camera and pose estimation errors."""
