"""Evaluation: metrics, predictions of a network, text readers and Markdown tables."""
