"""Networks: how the boxes of the figures are stacked, one network in one file."""
