"""One package per paper. Papers never import each other."""
