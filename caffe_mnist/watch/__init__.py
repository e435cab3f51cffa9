"""Metrics of a run, read from Caffe's log: CSV and pictures."""
