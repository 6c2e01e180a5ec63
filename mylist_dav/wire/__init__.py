"""HTTP as values and pure functions: messages, ranges, conditions, dates, quoting. No sockets, no stores."""
