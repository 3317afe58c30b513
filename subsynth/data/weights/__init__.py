"""The bundled weights, with their card."""
