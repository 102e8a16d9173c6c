"""What is relied on of libraries beyond their documentation."""
