"""Caffe's layers in ONNX's operators, a file a family; the folder is scanned."""
