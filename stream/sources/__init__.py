"""Where frames come from: webcams, RTSP cameras, video files and a drawn test pattern."""
