"""New texts made of the training texts, for a teacher to answer. Knows nothing of models that are trained, nor of stages."""
