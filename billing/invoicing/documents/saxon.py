"""
Runs a stylesheet over a document: ``python saxon.py RULES.xslt < DOCUMENT > REPORT``.

A program of its own, started by ``validating``: it imports nothing of ours.
"""

from __future__ import annotations

import sys

from saxonche import PySaxonProcessor


def main() -> int:
    """Transform standard input by the stylesheet that is named."""
    with PySaxonProcessor(license=False) as saxon:
        document = saxon.parse_xml(xml_text=sys.stdin.buffer.read().decode("utf-8-sig"))
        stylesheet = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=sys.argv[1])
        sys.stdout.write(stylesheet.transform_to_string(xdm_node=document) or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
