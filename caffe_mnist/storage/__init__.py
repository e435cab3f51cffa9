"""Stores and parallel copies; complete snapshots; the uploader process."""
