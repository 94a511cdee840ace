"""Labelling of video archives on one machine or a Ray cluster."""
