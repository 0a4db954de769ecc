"""Brain rot: what continual pretraining on junk text does to a language model, and which part of it is the junk."""

NAME = "Brain rot"
