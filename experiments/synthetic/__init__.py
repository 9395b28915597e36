"""What the experiments on synthetic languages share: cells, published figures, the figure and the table."""
