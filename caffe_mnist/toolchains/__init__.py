"""What compilers and importers of Caffe's models are known to refuse, as tables, and the rules."""
