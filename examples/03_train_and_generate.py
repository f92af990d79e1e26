"""Train a small mixture of experts on text that every Python carries, evaluate it, and let it write.

python examples/03_train_and_generate.py            about a minute on two cores
python examples/03_train_and_generate.py --steps 4  to see that it runs

The same with commands: `moedsl train FILE --out RUN`, `moedsl eval RUN`, `moedsl generate RUN --prompt TEXT`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

SPEC = Path(__file__).parents[1] / "specs" / "momentum_smoe_tiny.moe"

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--out", type=Path, default=Path("runs/example"))
given = parser.parse_args()


def moedsl(*arguments: object) -> None:
    print("$ moedsl", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "moedsl", *map(str, arguments)], check=True)


moedsl("train", f"{SPEC}::quick", "--steps", given.steps, "--out", given.out)
moedsl("eval", given.out, "--blocks", 32)
moedsl("generate", given.out, "--prompt", "The import statement ", "--max-tokens", 80)
