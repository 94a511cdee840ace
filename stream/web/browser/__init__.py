"""Static pages that run the whole path in a browser: writing them, and serving them at /try."""

from typing import Final

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; "
    "connect-src 'self'; style-src 'self'; img-src data:; media-src blob:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""Policy of the pages: WebAssembly may run, and nothing but the pages' server can be contacted."""

MANIFEST: Final = "manifest.json"
"""File that lists all others, with their hashes."""
