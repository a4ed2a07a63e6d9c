"""The pages below `/_local/`: a region's snapshot (`overview`), rendered as HTML that can hold nothing of a user's.

`routes.Pages` answers requests for them. They look at the rest of the emulator, and of it only `server` knows them:
what they show of the past is written down in `history`, whether anybody looks or not.
"""
