"""Check a text, read what is wrong with it, mend it, count it, compile it, and run it. From top to bottom:

python examples/01_check_and_compile.py
"""

import torch

import moedsl

TEXT = """
edition 2026

model Tiny(num_experts: int = 4) {
  d_model = 32
  embed token { vocab_size = 256 }
  layer sparse {
    norm rmsnorm {}
    attention softmax { num_heads = 4  position = rotary }
    moe {
      router topk { top_k = 6 }
      experts glu { num_experts = num_experts  d_ff = 64 }
      momentum heavy_ball { mu = 0.7 }
    }
  }
  stack decoder { causal = true  layers = [sparse] * 2 }
  norm rmsnorm {}
  head lm { tie = embed }
}
"""

# A check never raises for a mistake in the text: it returns everything it found.
for diagnostic in moedsl.check(TEXT).diagnostics:
    print(f"{diagnostic.code} at {diagnostic.span}: {diagnostic.message}\n  help: {diagnostic.help}")

# Without mistakes there is a graph. Its nodes are ops; their names are the keys of the compiled model's state_dict.
mended = TEXT.replace("top_k = 6", "top_k = 2")
graph = moedsl.check(mended).graph
router = graph["decoder.layers.0.moe.router"]
print(f"\n{router.name}: {router.op!r}, {sum(p.count for p in router.params)} parameters")

# Parameters of a model are given by name. What comes out is an ordinary torch module.
model = moedsl.compile(mended, num_experts=8)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters\n")
print(model.get_submodule("decoder.layers.1").code)

# Losses, expert loads and caches are results of the call; nothing is kept on a module.
out = model(torch.randint(0, 256, (1, 16)))
print(f"logits {list(out.logits.shape)}")
for layer, load in out.loads.items():
    print(f"{layer} sent {load.tolist()} of {int(load.sum())} assignments to its experts")
