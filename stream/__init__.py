"""Everything that touches the outside world at run time: sources, sinks, files, clusters."""
