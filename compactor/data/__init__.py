"""Rows and labels from files, folders, the hub or the running Python, without a Python object a row. Knows nothing of models."""
