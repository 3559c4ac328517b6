"""One file for each place where a report is read; none of them knows what a report says."""
