"""Recomputes published conformance cases through the compiler.

The harness is the file system: a case of system `momentum_smoe` and kind `router` is run by
`momentum_smoe/router.py`, whose `run(case)` writes a `.moe` text from the case's `config`, compiles it in float64, maps
the weights by name and returns what it computed. Adding a kind means adding a file. The format of the cases stands in
`compiler_tests/golden/README.md`.
"""
