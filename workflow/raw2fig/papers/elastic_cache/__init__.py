"""Elastic-Cache: when and where diffusion language models must compute their caches anew."""

NAME = "Elastic-Cache"
