"""Sources of frames: webcams, network streams, video files and a generated test pattern."""
