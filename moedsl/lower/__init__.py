"""From graph to torch.fx."""

import moedsl.lower.kernels  # noqa: F401  registers torch.ops.moedsl
from moedsl import lazy

lazy.load()
