"""C2S-Scale: cells as sentences (bioRxiv 10.1101/2025.04.14.648850)."""

WARM = ("anndata",)
