"""Records: read from folders, told as rows, and what they say of where numbers come from."""
