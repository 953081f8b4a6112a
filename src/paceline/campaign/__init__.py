"""Order: which runs are made, in which order, until when."""
