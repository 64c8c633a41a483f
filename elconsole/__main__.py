"""`python -m elconsole`."""

from elconsole.cli import main

if __name__ == "__main__":
    main()
