"""My Paper"""

NAME = "My Paper"
"""What the paper is called where there is little room."""
