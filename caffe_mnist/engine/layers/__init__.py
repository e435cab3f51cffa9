"""Layers, a family a file; the folder is scanned, so a new file is all that a layer needs."""
