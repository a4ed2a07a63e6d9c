"""What `async-endpoint plan` writes into files: a page of HTML (`page`, which needs jinja2) and a picture (`picture`).

The picture needs matplotlib. What both share needs neither.
"""
