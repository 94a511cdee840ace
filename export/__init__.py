"""Export of a PyTorch checkpoint as a self-describing ONNX file."""
