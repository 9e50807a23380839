"""Custom actions: one file each, on one base class that never raises."""
