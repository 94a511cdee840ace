"""Whole video files: which genres they show, and what is made of the answer."""
