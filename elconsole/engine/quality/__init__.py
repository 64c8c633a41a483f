"""Counting pass rates in the warehouse."""
