"""Clips -> what a model sees: geometry, streams, augmentation, the default recipe and parity.

Imports video and what stands before it.
"""
