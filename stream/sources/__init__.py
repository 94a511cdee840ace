"""Sources of frames: webcams, RTSP cameras, video files and a generated test pattern."""
