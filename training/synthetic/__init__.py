"""Renders motion capture as bodies before a camera, so that MediaPipe can be asked about them."""
