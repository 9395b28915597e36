"""What the experiments on synthetic languages share: configuration, cells and published figures."""
