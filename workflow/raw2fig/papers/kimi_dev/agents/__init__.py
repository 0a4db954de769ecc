"""Agents that resolve issues in many turns, with a shell, an editor and a decision to submit (section 3.7)."""
