"""Step 4 of 7: event -> breach. Result sets of one user or project that single out persons."""
