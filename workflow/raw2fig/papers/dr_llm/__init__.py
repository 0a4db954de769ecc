"""Dr.LLM: routers that skip, execute or repeat each layer of a frozen language model."""

NAME = "Dr.LLM"
