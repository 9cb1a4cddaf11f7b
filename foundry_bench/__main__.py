"""`python -m foundry_bench`."""

from foundry_bench.cli.main import main

if __name__ == "__main__":  # processes that draw figures import this file as well
    main()
