"""From graph to torch.fx."""
