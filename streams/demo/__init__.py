"""The demo: the whole of Headgate on one machine, with a world that steals on purpose."""
