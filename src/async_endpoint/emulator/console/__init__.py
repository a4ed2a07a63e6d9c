"""The pages below `/_local/`: a region's snapshot (`overview`), rendered as HTML in which every value is escaped.

`routes.Pages` responds to requests for them. The pages read the rest of the emulator, and only `server` imports them:
`hosting.history` records the past that they show, whether anybody looks or not.
"""
