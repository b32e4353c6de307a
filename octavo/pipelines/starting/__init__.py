"""What starts runs by itself: batches, schedules, triggers, and documents that a version has not seen."""
