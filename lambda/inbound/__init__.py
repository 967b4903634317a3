"""What carriers and their aggregators send by webhook: proven, mapped to updates, and stored."""
