"""How pictures of people are sent."""

from collections.abc import Mapping

SANDBOXED: Mapping[str, str] = {"Content-Security-Policy": "sandbox; default-src 'none'"}
"""Headers with which what somebody has sent is never shown as a page of this server's."""
