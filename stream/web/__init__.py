"""The HTTP and WebSocket server, and the pages it serves."""
