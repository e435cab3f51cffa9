"""The online service: a model package, its answers, its HTTP face and its page."""
