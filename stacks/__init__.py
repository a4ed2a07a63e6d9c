"""The stacks of one stage and the settings that shape them."""
