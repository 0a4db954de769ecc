"""My Paper"""
