"""Vintages: pulled or taken in, kept as received, judged. Reading a format belongs in formats/."""
