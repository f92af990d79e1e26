"""`python -m moedsl` is the same as `moedsl`."""

from moedsl.cli.main import main

if __name__ == "__main__":
    main()
