"""Container layouts, and rewriting the paths in prototxts."""
