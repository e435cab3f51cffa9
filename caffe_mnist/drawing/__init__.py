"""Nets as pictures: their graph, its layout, and painters for SVG and PNG."""
