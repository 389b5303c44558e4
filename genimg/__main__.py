"""`python -m genimg` is `genimg`; torchrun starts it so per GPU: `torchrun --nproc-per-node 4 -m genimg train …`."""

from genimg.apps.cli import main

if __name__ == "__main__":
    main()
