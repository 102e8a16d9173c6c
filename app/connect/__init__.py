"""Connects the Claude Code of a person's machine with a server: its settings, its hooks, its transcripts.

It runs where people work, so it is light: the standard library, no database, none of the server's modules.
"""
