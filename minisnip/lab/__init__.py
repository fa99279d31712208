"""Experiments: configuration in, result files and figures out."""
