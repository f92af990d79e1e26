"""From graph to one Python file that needs torch and nothing else."""

from moedsl.lower.emit.module import emit_python as emit_python
