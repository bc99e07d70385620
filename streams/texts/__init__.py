"""Step 7 of 7: a suspension -> what the researcher is told, in their jurisdiction's words."""
