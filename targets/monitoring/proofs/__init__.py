"""What proves each alert: when it fires, and when it stays silent. One module for each subject of alerts."""
