"""Rendering of motion capture as bodies in front of a camera, for tracks of MediaPipe."""
