"""MomentumSMoE: mixtures with a velocity carried through depth, and the language models built of them."""
