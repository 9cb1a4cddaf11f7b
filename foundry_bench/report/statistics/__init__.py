"""Statistics over seeds, knowing nothing of sweeps."""
