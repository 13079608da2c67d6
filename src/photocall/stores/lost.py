"""What every queue says of a message whose workers were never heard of again."""


def lost(receives: int) -> str:
    """Why a message is given up of which nobody ever said what went wrong."""
    return f"received {receives} times, and each time its worker died or was slower than the lease"
