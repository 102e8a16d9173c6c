"""The command ccgraph and the container, as people use them."""
