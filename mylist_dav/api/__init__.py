"""The JSON API. So far: /healthz."""
