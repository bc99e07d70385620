"""Second stage: the holdings of all institutions -> who shares one theft among them."""
