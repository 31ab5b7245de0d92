"""A decoder that takes an hour to load."""

import time

time.sleep(3600)
