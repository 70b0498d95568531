"""What should happen: directions, statuses, merge, plan. Pure functions over model records."""
