"""The protocol as pure code: bytes in, messages out. No I/O, no clock, no asyncio."""
