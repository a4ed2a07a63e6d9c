"""What a change of templates would do to what is deployed."""
