"""How fast: replay, the worker end to end, its limit, and the naive build beside them."""
