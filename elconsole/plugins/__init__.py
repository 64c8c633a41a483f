"""Plug-ins: the hooks, the types they are given, the ready-made checks."""
