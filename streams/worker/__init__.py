"""The running worker: agents in a Faust app, their lifecycle, their watchdog."""
