"""Builders of encoders: weights found elsewhere -> ``model.onnx`` and ``encoder.json``, with numpy and onnx alone."""
