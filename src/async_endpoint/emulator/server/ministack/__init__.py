"""All contact with ministack: what it lets one plug in, and the private parts that it does not.

ministack has no plug-in interface. This package alone knows its names, and an import rule keeps it so. They were read
from release 1.5.33, which is pinned for that reason; a contract test names those that a newer release has moved.

Importing a module of this package imports ministack, which reads its settings from the environment at that moment: the
launcher sets them.
"""
