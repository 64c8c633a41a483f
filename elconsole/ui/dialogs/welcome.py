"""The first start: no configuration, and nothing answers at the default addresses."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.core.errors import ElconsoleError
from elconsole.ui.console.options import DEMO_CHOSEN, Welcome
from elconsole.ui.console.threads import error_info
from elconsole.ui.dialogs.dialog import Dialog, ErrorDialog, line
from elconsole.ui.words.text import safe


class WelcomeScreen(Dialog):
    """Three ways on."""

    title_words = "Welcome to elconsole"
    choices = (
        (
            "d",
            "demo",
            "Open the demo plant",
            "four real databases, in seconds",
        ),
        ("w", "write", "Write a configuration", "a commented file for your own databases"),
        ("l", "looked", "Where is it looked for?", "the places, the first one found wins"),
    )

    def __init__(self, welcome: Welcome) -> None:
        super().__init__()
        self._welcome = welcome

    def words(self) -> ComposeResult:
        """What is the matter."""
        yield line(
            ("No configuration was found, and no database answers at the\n", "$foreground"),
            ("default addresses of the pen plant (localhost:5432–5435).", "$foreground"),
        )

    def choose(self, answer: str) -> None:
        """Go that way; the welcome stays behind it."""
        if answer == "demo":
            self.app.exit(DEMO_CHOSEN)
        elif answer == "write":
            self._write()
        else:
            self.app.push_screen(PlacesDialog(self._welcome))

    def _write(self) -> None:
        try:
            path = self._welcome.write_configuration()
        except ElconsoleError as error:
            self.app.push_screen(ErrorDialog("No file was written", error_info(error)))
            return
        self.app.push_screen(WrittenDialog(str(path)))


class PlacesDialog(Dialog):
    """Where configuration is looked for."""

    title_words = "Where configuration is looked for"

    def __init__(self, welcome: Welcome) -> None:
        super().__init__()
        self._welcome = welcome

    def words(self) -> ComposeResult:
        """The order."""
        yield line(("The first that says something wins:\n", "$dim"))
        places = [
            "the command line",
            "the environment: ELCONSOLE_…",
            ".env in the working directory",
            *(safe(str(path), 200) for path in self._welcome.searched),
            "the defaults: the pen plant's four addresses",
        ]
        yield line(
            *((f"{number}  {place}\n", "$foreground") for number, place in enumerate(places, 1))
        )


class WrittenDialog(Dialog):
    """The file was written."""

    title_words = "Written"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def words(self) -> ComposeResult:
        """Where, and what next."""
        yield line(
            (safe(self._path, 300), "bold $foreground"),
            (
                "\n\nSet your servers and passwords there, then start elconsole again.",
                "$foreground",
            ),
        )
