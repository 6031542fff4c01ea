"""What the pages of docs/ say about the code, written by the code."""
