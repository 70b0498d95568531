"""The commands, one file a group. Each reads its arguments, calls a room, and prints what came back."""
