"""raw2fig: ten 2025 machine-learning papers, rebuilt from raw data to figures."""
