"""The folder that an app loads: written, described, verified."""
