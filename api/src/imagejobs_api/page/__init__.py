"""`/`: the page for people, built from web/ into the folder `site` beside this file, or not there."""
