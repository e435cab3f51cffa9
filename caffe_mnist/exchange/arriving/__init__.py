"""Nets of other programs as Caffe's: ONNX files and PyTorch's exported programs."""
