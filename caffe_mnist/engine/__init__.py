"""The embedded trainer: Caffe's nets and solvers on PyTorch."""
