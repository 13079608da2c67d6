"""Faces, students and keys in DynamoDB. `store` is its door; `rows` says what stands where."""
