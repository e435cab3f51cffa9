"""PyTorch's operators (aten) in Caffe's layers, a file a family; the folder is scanned."""
