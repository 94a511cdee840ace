"""Files with frames or landmarks in them."""
