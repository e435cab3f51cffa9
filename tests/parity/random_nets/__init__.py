"""Nets that nobody wrote, drawn from a seed, for real Caffe and for the engine."""
