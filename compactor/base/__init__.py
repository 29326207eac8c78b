"""The ground floor: errors, settings, hashes, artifacts and the machine. Knows nothing of models."""
