"""Training on AIST++ and custom clips: data, augmentation, training loop and evaluation."""
