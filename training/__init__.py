"""From AIST++ to a checkpoint: reading, preparation, augmentation, training and evaluation."""
