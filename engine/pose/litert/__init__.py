"""Pose estimation with LiteRT, which runs on any ARM or x86 processor."""

from dancetype.engine.pose.litert.estimator import LiteRtEstimator

__all__ = ["LiteRtEstimator"]
