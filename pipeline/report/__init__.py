"""What people read: the scoreboard and the page, from the published marts alone."""
