"""How well rings are found, and how seldom honest work looks like one."""
