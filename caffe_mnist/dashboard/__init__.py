"""The live view of a run: its state, read from its files, and a page that shows it."""
