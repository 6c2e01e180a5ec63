"""HTTP as values and pure functions: messages, ranges, conditions, dates, media types, quoting. No sockets, no stores."""
