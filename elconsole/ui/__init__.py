"""The Textual console: knows the engine only through `elconsole.core`."""
