"""CloudWatch: metrics with their delivery delay, metric math and alarms. Pure logic; the clock is handed in."""
