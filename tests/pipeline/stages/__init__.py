"""Stages that only declare: enough for profiles to be checked against."""
