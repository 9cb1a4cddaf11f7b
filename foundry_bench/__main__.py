"""`python -m foundry_bench`."""

from foundry_bench.cli.main import main

main()
