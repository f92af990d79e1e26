"""ACMoE: routers that weigh features by the clusters of the previous mixture, and language models with them."""
