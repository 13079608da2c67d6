"""How right an engine is on labelled photos: error rates in their standard meaning, and how sure they are."""
