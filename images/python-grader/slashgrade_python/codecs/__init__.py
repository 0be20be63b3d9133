"""How libraries' types cross between the processes by value, one module a library; imported when first needed.

Each has ``encode(encoder, value)``, which returns None for a value that it does not know, and ``DECODERS`` by tag.
"""
