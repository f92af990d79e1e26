"""Small specs for tests of commands."""

from __future__ import annotations

TINY = """\
## A small model.
model Tiny(pairs: int = 2, mu: float = 0.5 where 0 <= mu and mu < 1) {
  d_model = 16
  embed token { vocab_size = 256 }
  layer sparse {
    norm rmsnorm {}
    attention softmax { num_heads = 2  position = rotary }
    moe {
      router topk { top_k = 2 }
      experts glu { num_experts = 4  d_ff = 8 }
      momentum heavy_ball { mu = mu }
    }
  }
  layer dense { norm rmsnorm { eps = 1e-6 }  attention softmax { num_heads = 2 }  ffn mlp { d_ff = 24 } }
  stack decoder {
    causal = true
    layers = [sparse, dense] * pairs
    at 2 { moe { router topk { top_k = 1 } } }
  }
  norm rmsnorm {}
  head lm { tie = embed }
}
"""

RECIPE = """
recipe quick for Tiny { steps = 2  data python_docs {}  optimizer adamw { lr = 3e-4 } }
"""

BAD = TINY.replace("top_k = 2", "top_k = 9").replace("vocab_size", "vocab_sizes")
