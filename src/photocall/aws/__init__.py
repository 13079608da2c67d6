"""What speaks to Amazon Web Services."""
