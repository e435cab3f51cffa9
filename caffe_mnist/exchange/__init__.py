"""Trained nets for other programs: ONNX, PyTorch's exported programs, safetensors."""
