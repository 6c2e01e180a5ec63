"""The edge: connections, engines and worker processes. Front ends are put together and served here.

assembly.py   from settings to the app of one worker     app.py  what an engine serves
routing.py    which front end answers     forwarded.py  what a trusted proxy says of a request
running.py    starts and stops the service     workers.py  its processes     cores.py  their cores     memory.py
syncing.py    copying to a peer, as a job

engines/      what speaks HTTP on the sockets
exchanges/    one request and its answer
watching/     counts, metrics, the access log
doors/        sockets beside those of the engine
"""
