"""A table a toolchain: its sources, the layer types that it knows, and its rules."""
