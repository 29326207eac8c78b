"""Make a model physically smaller: layers, widths, vocabulary, with a least-squares refit."""
