"""The package :mod:`concurrent`, on the engine."""
