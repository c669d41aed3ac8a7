"""How the boxes of the figures are stacked: one network, one file."""
