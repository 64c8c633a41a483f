"""`python -m elconsole`."""

from elconsole.cli.main import main

if __name__ == "__main__":
    main()
