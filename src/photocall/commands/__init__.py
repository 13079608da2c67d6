"""What each command does: read, call a verb, show. One bad file never stops the others.

Every command is a function of its parsed options and returns how many things failed. Modules by what they need, so that
looking at a picture does not load the database.
"""
