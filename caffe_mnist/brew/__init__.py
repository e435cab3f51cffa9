"""The commands of the `caffe` program over the embedded engine; Caffe calls them brews."""
