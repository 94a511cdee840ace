"""Synthetic tracks: motion capture rendered as a body, and MediaPipe's poses of the result."""
