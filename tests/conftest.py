"""What all tests share."""

from hypothesis import settings

# The same examples on every machine and in every run.
settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("deterministic")
