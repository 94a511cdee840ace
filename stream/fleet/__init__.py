"""Many cameras on a Ray cluster, run by one supervisor."""
