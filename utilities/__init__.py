"""What the stages share."""

PACKAGE = "handwriting"  # namespace of our layers and schedules in saved files
