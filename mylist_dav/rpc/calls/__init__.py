"""The methods by subject: each module has a list METHODS. A function makes one call of a service, and a document."""
