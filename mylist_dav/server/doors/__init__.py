"""Doors: listening sockets beside those of the engine. JSON-RPC answers there.

doors.py       which there are
door_loop.py   the event loop that serves them
"""
