"""The story of one training job; finding, starting and watching a trainer."""
