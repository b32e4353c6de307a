"""An attempt at work: its steps and calls, in this process or in processes of their own, and what they give."""
