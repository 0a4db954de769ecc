"""Running untrusted Python programs: without network, without the user's files, within limits."""
