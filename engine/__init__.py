"""The pure middle of dancetype: from a pose to a genre, without threads, files or sockets."""
