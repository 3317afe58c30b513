"""Evaluation: metrics, the outputs of networks and classical methods, text readers, tables."""
