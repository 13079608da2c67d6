"""The name that the classroom assistant's own function had, so that its settings need no change."""

from photocall.aws.jobs import face_recognition_handler

__all__ = ["face_recognition_handler"]
