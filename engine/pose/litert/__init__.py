"""Finds poses with LiteRT, which runs wherever there is an ARM or x86 processor."""

from dancetype.engine.pose.litert.estimator import LiteRtEstimator

__all__ = ["LiteRtEstimator"]
