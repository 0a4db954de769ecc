"""Procedural tasks with exact verifiers, shared by papers."""
