"""How work starts and stops: tasks for the pool, or an Indexed Job."""
