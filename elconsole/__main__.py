"""The program: `elconsole`, and `python -m elconsole`."""

# Nothing more is imported here: until the working folder is off the path, a module of
# the standard library could come from there.
import os
import sys


def main() -> None:
    """Run elconsole and exit, whatever folder it stands in and whenever a signal comes."""
    _leave_working_folder()
    from elconsole.cli import start

    start.leave_at_once()
    start.collect_nothing()
    from elconsole.cli.main import main as run

    try:
        run()
    finally:
        start.leave_at_once()
        start.leave_garbage()


def _leave_working_folder() -> None:
    """`python -m` puts the working folder first on the path: a plug-in, or any module that is
    imported late, would be whatever a file of that name in there says."""
    try:
        here = os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", here):
        del sys.path[0]


if __name__ == "__main__":
    main()
