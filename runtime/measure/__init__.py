"""What the monitoring jobs measure: reference profiles, drift, and expectations of captured data."""
