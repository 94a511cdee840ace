"""Pure core of dancetype: from a pose to a genre, without threads or sockets."""
