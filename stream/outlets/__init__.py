"""What carries messages out: WebSocket, MQTT, OSC, a file, the terminal."""
