"""What may be sent to the routes of the school, as types for pydantic: texts have limits and no control characters."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Text = Annotated[str, StringConstraints(max_length=2000, pattern=_PRINTABLE)]
"""A line; it may be empty."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
"""Of a person, a class, a file."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
"""Of anything."""

Password = Annotated[str, StringConstraints(max_length=1000)]
"""As it was typed; what may be one is for `school.passwords` to say."""


class Entry(BaseModel):
    """The body of a request; a member that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """The members that were sent, and are something."""
        return {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}
