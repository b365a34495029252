"""Reading: the definitions in a user's file, and the passes among them."""
