"""Authorities and engines that know about taxes."""
