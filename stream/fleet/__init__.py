"""Many cameras on many machines, held by one supervisor."""
