"""Datasets on disk: a module a format, and the record database that Caffe reads."""
