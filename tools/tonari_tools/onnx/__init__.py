"""ONNX graphs: encoders built from published weights, and encoders made smaller."""
