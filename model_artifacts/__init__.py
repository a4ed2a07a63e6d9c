"""What goes into the model's archive, and the step that packs it."""
