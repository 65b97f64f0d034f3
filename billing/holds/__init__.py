"""Holds as billing knows them: how a customer pays, what a call costs, what usage has come."""
