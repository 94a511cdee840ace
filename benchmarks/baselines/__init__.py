"""Other models that the shipped one is compared with."""
