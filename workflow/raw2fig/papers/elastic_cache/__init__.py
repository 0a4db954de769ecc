"""Elastic-Cache: when and where a masked-diffusion language model must compute its keys and values again."""

NAME = "Elastic-Cache"
