"""Step 7 of 7: effects -> records. One effect per file; sending them is the worker's business."""
