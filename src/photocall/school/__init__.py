"""The attendance application: accounts, classes, lessons, and registers that a teacher can trust.

`records` has the nouns and `errors` what can go wrong; every other module is verbs over a Register, which say what may
be done and write down who did it.
"""
