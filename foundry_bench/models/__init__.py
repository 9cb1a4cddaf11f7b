"""Parts that teachers and students share."""
