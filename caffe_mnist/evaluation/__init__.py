"""What a trained model makes of labelled pictures: counts, tables, and the worst of them."""
