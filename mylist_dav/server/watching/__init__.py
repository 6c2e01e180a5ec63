"""What is told of requests: counts, metrics, the access log.

measures.py     what one worker counts, and how all put their figures together
metrics.py      the same as text for Prometheus
access_log.py   a line for each request
"""
