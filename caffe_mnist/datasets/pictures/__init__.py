"""Pictures of any kind into record databases, as Caffe's `convert_imageset` writes them."""
