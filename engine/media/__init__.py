"""Files that contain frames or landmarks."""
