"""Analysis of whole video files: results, plots and annotated copies."""
