"""The one kind of error that is shown to a user without a traceback."""


class UserError(Exception):
    """Something the user can mend. Its text names the offender, what was received, what is allowed, and what to do."""
