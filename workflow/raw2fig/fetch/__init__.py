"""Data files and models from outside, for every paper.

Nothing that comes with them is executed, and nothing is unpickled: data are files of a known format, a model is its
safetensors, JSON and tokenizer files.
"""
