"""Tools that a policy calls, what comes of a call, and the proof that they work before and while a model learns."""
