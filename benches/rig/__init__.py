"""What measures: cases are declared with it, timed by it and shown by it.

case.py       how a case and a figure are declared, and the floor nothing may fall below
sides.py      what is compared: the standard library, what install() puts there, two settings
timing.py     two sides in one process, round by round
children.py   programs started afresh: for exits, memory, signals and settings read at start-up
table.py      the one table, as text, Markdown and JSON
distance.py   how far apart two processors are
machine.py    the line that says where the figures come from
"""
