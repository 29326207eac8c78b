"""Teach a student: losses, schedules, the teacher's kept outputs, one training loop. Knows nothing of stages."""
