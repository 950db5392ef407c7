"""Hexlab."""
