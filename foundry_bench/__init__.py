"""Benchmarks of distillation of 3D point-cloud foundation models."""
