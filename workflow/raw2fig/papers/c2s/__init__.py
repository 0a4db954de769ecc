"""C2S-Scale: cells as sentences (bioRxiv 10.1101/2025.04.14.648850)."""

NAME = "C2S-Scale"
"""What the paper is called where there is little room."""
WARM = ("anndata",)
