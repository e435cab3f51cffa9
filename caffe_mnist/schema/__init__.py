"""Caffe's messages, prototxt text and the upgrade of old nets."""
