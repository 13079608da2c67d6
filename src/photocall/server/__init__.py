"""The HTTP service: Rekognition's wire protocol, the routes of the systems photocall replaces, and its operation."""
