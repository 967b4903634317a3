"""HTTP: requests, their parameters, and the one shape of an error."""
