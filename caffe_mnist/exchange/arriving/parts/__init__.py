"""What operators of either kind become: one thing to say in Caffe's layers a file."""
