"""The public API and the page that a customer opens; nobody signs in, so it shows what any stranger may see."""
