"""The worker's renderer, started by importing this module: before torch and the model, whose loading takes longer.

The process that it starts is therefore ready when the first document arrives, and waking from zero takes no longer.
"""

from page_rendering import PageRenderer

renderer = PageRenderer()
