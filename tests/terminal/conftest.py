"""The console's own fixtures hold for its processes, too."""

from tests.ui.conftest import steady

__all__ = ["steady"]
