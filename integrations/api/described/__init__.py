"""Faces and sources, which are plain views, as the OpenAPI document describes them."""
