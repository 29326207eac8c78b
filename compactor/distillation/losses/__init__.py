"""The losses, one file each: references, inputs, relations. They know nothing of models and files."""
