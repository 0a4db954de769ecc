"""Emergent Coordination in Multi-Agent Language Models"""
