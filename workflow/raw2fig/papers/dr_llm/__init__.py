"""Dr.LLM: Dynamic Layer Routing in LLMs"""

NAME = "Dr.LLM"
"""What the paper is called where there is little room."""
