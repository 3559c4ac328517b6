"""Bench files to runs: configure, plan, execute."""
