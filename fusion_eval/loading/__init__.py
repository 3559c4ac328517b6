"""Files to values, strictly: an unknown key is an error with its line, and all come at once."""
