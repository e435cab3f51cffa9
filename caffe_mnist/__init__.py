"""Caffe-compatible training launcher and dataset converter, with an embedded engine."""

__version__ = "0.1.0"
