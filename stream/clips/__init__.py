"""Whole video files: which, what is danced in them, and what is made of the answer."""
