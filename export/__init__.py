"""From a PyTorch checkpoint to one ONNX file that says itself what it wants."""
