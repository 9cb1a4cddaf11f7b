#!/bin/sh
# All benchmarks on the GPU at hand, to benchmarks/results/*.gpu*.json; then the tables of docs/performance.md.
#   sh benchmarks/on_gpu.sh [python]
set -eu
cd "$(dirname "$0")/.."
python=${1:-python}
results=benchmarks/results
"$python" -c 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else "there is no GPU that torch can use")'
"$python" -m pytest -q tests/geometry tests/training/test_loop.py # the kernels first
for precision in float32 bfloat16; do
    "$python" benchmarks/throughput.py --device cuda --presets tiny small --batch 512 --clouds 2048 \
        --precision "$precision" --json "$results/throughput.gpu.$precision.json"
done
"$python" benchmarks/growth.py --device cuda --batch 512 --json "$results/growth.gpu.json"
"$python" benchmarks/sweep_cost.py --device cuda --preset small --precision bfloat16 --batch 256 --clouds 4096 \
    --students 1 5 6 --json "$results/sweep_cost.gpu.json"
"$python" benchmarks/against_reference.py --device cuda --preset small --precision bfloat16 --batch 256 --clouds 4096 \
    --json "$results/against_reference.gpu.json"
"$python" benchmarks/tables.py --results "$results"
