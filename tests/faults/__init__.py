"""What breaks, on real clusters: nothing is lost, nothing is left, and the words are clear."""
