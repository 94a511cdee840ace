"""Archives of clips, labelled by one machine or many."""
