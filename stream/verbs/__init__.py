"""One module a verb of the command, loaded when it is called for."""
