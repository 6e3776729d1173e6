"""The runner: what stands behind `python -m ropewalk` and the command `ropewalk`.

| file | what it is |
|---|---|
| `command` | the command line: subcommands, usage, exit codes |
| `options` | a command line in python's own grammar, as data |
| `become` | the usual way: this process becomes python with the program, ropewalk installed at its start |
| `start` | what `ropewalk_start.pth` calls at the start of an interpreter under `ROPEWALK=1` |
| `inside` | the other way: the program runs inside this interpreter, where `become` is not possible |
| `quit_signal` | what `kill -QUIT` prints |
| `env` | `ropewalk env` |
| `ps` | `ropewalk ps` |
| `doctor` | `ropewalk doctor` |
| `tree` | running programs from outside: their processes, the memory that they share |
"""
